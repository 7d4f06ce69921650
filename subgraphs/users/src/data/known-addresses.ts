// The client addresses from which users have logged in, in PostgreSQL: a few keyed hashes for each account.
import type { KnownAddress } from '@holdfast/database';
import type { Queryable } from '@holdfast/platform/postgres/database';
import { arrayOf, bigint, bytea, type ColumnsOf, integer, statement } from '@holdfast/platform/postgres/sql';
import type pg from 'pg';

const ADDRESS = { userId: integer, addressHash: bytea } satisfies Partial<ColumnsOf<KnownAddress>>;

export interface KnownAddressStore {
  /** Whether the account has one of the hashes. */
  knows(userId: number, hashes: readonly Uint8Array[]): Promise<boolean>;
  /** Stores the hash and keeps only the nine others that were seen last. */
  remember(userId: number, hash: Uint8Array): Promise<void>;
}

const select = statement({
  name: 'users_known_address',
  text: `SELECT k.user_id AS "userId" FROM users.known_addresses k
          WHERE k.user_id = $userId AND k.address_hash = ANY ($hashes::bytea[])`,
  parameters: { userId: integer, hashes: arrayOf(bytea) },
  row: { userId: integer },
});

// A login from an address that was seen within a day writes no row.
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

const deleteOld = statement({
  name: 'users_known_addresses_sweep',
  text: `DELETE FROM users.known_addresses
          WHERE ctid = ANY (ARRAY(SELECT ctid FROM users.known_addresses WHERE last_seen_at < now() - interval '180 days'
                                   ORDER BY last_seen_at LIMIT $max FOR UPDATE SKIP LOCKED))
         RETURNING user_id AS "userId"`,
  parameters: { max: bigint },
  row: { userId: integer },
});

/** Deletes at most `max` addresses that were not seen for half a year. Returns how many. */
export const sweepKnownAddresses = async (db: Queryable, max: number): Promise<number> =>
  (await deleteOld(db, { max })).length;

/** The addresses in the database behind `pool`. */
export function createKnownAddressStore(pool: pg.Pool): KnownAddressStore {
  return {
    knows: async (userId, hashes) => (await select(pool, { userId, hashes })).length > 0,
    remember: async (userId, addressHash) => {
      await remember(pool, { userId, addressHash });
    },
  };
}
