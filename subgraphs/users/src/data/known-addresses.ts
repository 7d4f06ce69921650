// The addresses from which an account has been logged in to, in PostgreSQL: as keyed hashes, a few for each account.
import type { KnownAddress } from '@holdfast/database';
import { arrayOf, bigint, bytea, type ColumnsOf, integer, statement } from '@holdfast/platform/postgres/sql';
import type pg from 'pg';

const ADDRESS = { userId: integer, addressHash: bytea } satisfies Partial<ColumnsOf<KnownAddress>>;

export interface KnownAddresses {
  /** Whether one of the hashes is known of the account. */
  knows(userId: number, hashes: readonly Uint8Array[]): Promise<boolean>;
  /** Keeps it, with the nine that were seen last. */
  remember(userId: number, hash: Uint8Array): Promise<void>;
  /** Deletes at most `max` that were not seen for half a year; returns how many. */
  sweep(max: number): Promise<number>;
}

const select = statement({
  name: 'users_known_address',
  text: `SELECT k.user_id AS "userId" FROM users.known_addresses k
          WHERE k.user_id = $userId AND k.address_hash = ANY ($hashes::bytea[])`,
  parameters: { userId: integer, hashes: arrayOf(bytea) },
  row: { userId: integer },
});

// A login from an address that was seen within a day writes nothing.
const remember = statement({
  name: 'users_known_address_remember',
  text: `WITH seen AS (
           INSERT INTO users.known_addresses (user_id, address_hash)
           SELECT $userId, $addressHash
            WHERE NOT EXISTS (SELECT FROM users.known_addresses k
                               WHERE k.user_id = $userId AND k.address_hash = $addressHash
                                 AND k.last_seen_at > now() - interval '1 day')
           ON CONFLICT (user_id, address_hash) DO UPDATE SET last_seen_at = now()
         )
         DELETE FROM users.known_addresses
          WHERE user_id = $userId AND address_hash = ANY (ARRAY(
                SELECT o.address_hash FROM users.known_addresses o
                 WHERE o.user_id = $userId AND o.address_hash <> $addressHash
                 ORDER BY o.last_seen_at DESC OFFSET 9))`,
  parameters: ADDRESS,
  row: {},
});

const sweep = statement({
  name: 'users_known_addresses_sweep',
  text: `DELETE FROM users.known_addresses
          WHERE ctid = ANY (ARRAY(SELECT ctid FROM users.known_addresses WHERE last_seen_at < now() - interval '180 days'
                                   ORDER BY last_seen_at LIMIT $max FOR UPDATE SKIP LOCKED))
         RETURNING user_id AS "userId"`,
  parameters: { max: bigint },
  row: { userId: integer },
});

/** The addresses in the database behind `pool`. */
export function createKnownAddresses(pool: pg.Pool): KnownAddresses {
  return {
    knows: async (userId, hashes) => (await select(pool, { userId, hashes })).length > 0,
    remember: async (userId, addressHash) => {
      await remember(pool, { userId, addressHash });
    },
    sweep: async (max) => (await sweep(pool, { max })).length,
  };
}
