// Sessions in PostgreSQL: families of refresh tokens, of which only hashes are stored.
// A family is revoked on its head, the first row, whose id is the family's: a token that is being issued while its
// family ends is dead on arrival, where marking the tokens themselves would miss the one not yet committed.
import type { Session } from '@holdfast/database';
import {
  bigint,
  bytea,
  type ColumnsOf,
  doublePrecision,
  integer,
  nullable,
  type RowOf,
  selectList,
  statement,
  text,
} from '@holdfast/platform/postgres/sql';
import type pg from 'pg';
import { ACCOUNT, type AccountRow, type AccountWithHash } from './accounts.ts';
import { takeToken } from './email-tokens.ts';
import { endSessions, inTransaction } from './transaction.ts';

/** A family and whose it is. */
const FAMILY = { familyId: bigint, userId: integer } satisfies Partial<ColumnsOf<Session>>;
export type FamilyRow = RowOf<typeof FAMILY>;

export interface SessionLife {
  /** How long a token is good that is not used. */
  readonly ttlDays: number;
  /** How long after its login a family ends, however it is used. */
  readonly maxAgeDays: number;
}

export interface TokenUse {
  readonly tokenHash: Uint8Array;
  /** Of the token that follows it. */
  readonly nextHash: Uint8Array;
  /** Of the key that the call has; null without one. */
  readonly keyHash: Uint8Array | null;
}

export interface SessionStore {
  /**
   * Starts a family with its first token and says whose it is, as the account is at that moment; undefined, and no
   * change, when the account's password is no longer the one that was verified. An account that is disabled gets none.
   */
  open(
    userId: number,
    verifiedHash: string,
    tokenHash: Uint8Array,
    life: SessionLife,
  ): Promise<AccountRow | undefined>;
  /** The same for who has the token of a mailed login link, which is used up; undefined, and no change, when it is not live. */
  openByLink(
    emailTokenHash: Uint8Array,
    tokenHash: Uint8Array,
    life: SessionLife,
  ): Promise<AccountWithHash | undefined>;
  /**
   * Uses up a live token of a family that is not too old, and puts the next one in its place; undefined, and no change,
   * when there is none such.
   */
  rotate(use: TokenUse, life: SessionLife): Promise<AccountRow | undefined>;
  /**
   * Whose the session is, if the token was used up before, a moment ago or with the same key, and the next one is live
   * and has that hash.
   */
  unusedSuccessor(use: TokenUse): Promise<AccountRow | undefined>;
  /** Ends the family of a token that was used up before; undefined when it was not, or when the family had ended. */
  revokeReused(tokenHash: Uint8Array): Promise<FamilyRow | undefined>;
  /** Ends the family of a token, whatever state the token is in. */
  revoke(tokenHash: Uint8Array): Promise<void>;
  /** Ends every family of the account, that of a login which is being committed too. */
  revokeAll(userId: number): Promise<void>;
}

const LIFE = { ttlDays: doublePrecision, maxAgeDays: doublePrecision };

// FOR SHARE makes this wait for a change of the account, and that for this: either the change sees this family and ends
// it, or this sees the account as changed: with another hash it starts no family, another role is the one to tell.
const open = statement({
  name: 'users_session_open',
  text: `WITH owner AS MATERIALIZED (
           SELECT u.*, nextval('users.sessions_id_seq') AS family_id
             FROM users.users u
            WHERE u.id = $userId AND u.password_hash = $verifiedHash
              FOR SHARE
         ), family AS (
           INSERT INTO users.sessions (id, family_id, user_id, token_hash, expires_at)
           SELECT family_id, family_id, id, $tokenHash, now() + least($ttlDays::float8, $maxAgeDays) * interval '1 day'
             FROM owner WHERE disabled_at IS NULL
         )
         SELECT ${selectList(ACCOUNT)} FROM owner`,
  parameters: { userId: integer, verifiedHash: text, tokenHash: bytea, ...LIFE },
  row: ACCOUNT,
});

const USE = { tokenHash: bytea, nextHash: bytea, keyHash: nullable(bytea) };

const rotate = statement({
  name: 'users_session_rotate',
  text: `WITH used AS (
           UPDATE users.sessions s
              SET used_at = now(), used_key_hash = $keyHash
             FROM users.sessions head
            WHERE s.token_hash = $tokenHash AND s.used_at IS NULL AND s.expires_at > now()
              AND head.id = s.family_id AND head.revoked_at IS NULL
              AND head.created_at > now() - $maxAgeDays * interval '1 day'
        RETURNING s.family_id, s.user_id, head.created_at + $maxAgeDays * interval '1 day' AS ends_at
         ), issued AS (
           INSERT INTO users.sessions (family_id, user_id, token_hash, expires_at)
           SELECT family_id, user_id, $nextHash, least(now() + $ttlDays * interval '1 day', ends_at) FROM used
        RETURNING user_id
         )
         SELECT ${selectList(ACCOUNT, 'u')} FROM users.users u JOIN issued ON issued.user_id = u.id`,
  parameters: { ...USE, ...LIFE },
  row: ACCOUNT,
});

// Two tabs that refresh at once, or a call that is sent again, are no theft (RFC 9700, 4.14.2, lets the server decide).
const unusedSuccessor = statement({
  name: 'users_session_unused_successor',
  text: `SELECT ${selectList(ACCOUNT, 'u')}
           FROM users.sessions used
           JOIN users.sessions head ON head.id = used.family_id AND head.revoked_at IS NULL
           JOIN users.sessions next ON next.family_id = used.family_id AND next.token_hash = $nextHash
            AND next.used_at IS NULL AND next.expires_at > now()
           JOIN users.users u ON u.id = used.user_id
          WHERE used.token_hash = $tokenHash
            AND (used.used_at > now() - interval '10 s' OR used.used_key_hash = $keyHash)`,
  parameters: USE,
  row: ACCOUNT,
});

const revokeReused = statement({
  name: 'users_session_revoke_reused',
  text: `UPDATE users.sessions
            SET revoked_at = now()
          WHERE id = (SELECT family_id FROM users.sessions WHERE token_hash = $tokenHash AND used_at IS NOT NULL)
            AND revoked_at IS NULL
      RETURNING ${selectList(FAMILY)}`,
  parameters: { tokenHash: bytea },
  row: FAMILY,
});

const revoke = statement({
  name: 'users_session_revoke',
  text: `UPDATE users.sessions
            SET revoked_at = now()
          WHERE id = (SELECT family_id FROM users.sessions WHERE token_hash = $tokenHash)
            AND revoked_at IS NULL`,
  parameters: { tokenHash: bytea },
  row: {},
});

// Not FOR UPDATE: a rotation, which holds what `endSessions` waits for, asks for a key share of this row.
const lockAccount = statement({
  name: 'users_account_lock',
  text: 'SELECT FROM users.users WHERE id = $userId FOR NO KEY UPDATE',
  parameters: { userId: integer },
  row: {},
});

/** The sessions of the database behind `pool`. */
export function createSessionStore(pool: pg.Pool): SessionStore {
  return {
    open: async (userId, verifiedHash, tokenHash, life) =>
      (await open(pool, { userId, verifiedHash, tokenHash, ...life }))[0],
    openByLink: (emailTokenHash, tokenHash, life) =>
      inTransaction(pool, async (transaction) => {
        const taken = await takeToken(transaction, emailTokenHash, ['CONFIRM_LOGIN']);
        if (taken === undefined) return undefined;
        const { id: userId, passwordHash } = taken.owner;
        const [account] = await open(transaction, { userId, verifiedHash: passwordHash, tokenHash, ...life });
        return account && { account, passwordHash };
      }),
    rotate: async (use, life) => (await rotate(pool, { ...use, ...life }))[0],
    unusedSuccessor: async (use) => (await unusedSuccessor(pool, use))[0],
    revokeReused: async (tokenHash) => (await revokeReused(pool, { tokenHash }))[0],
    revoke: async (tokenHash) => {
      await revoke(pool, { tokenHash });
    },
    revokeAll: (userId) =>
      inTransaction(pool, async (transaction) => {
        await lockAccount(transaction, { userId });
        await endSessions(transaction, userId);
      }),
  };
}
