// Sessions in PostgreSQL: families of refresh tokens, of which only hashes are stored. A family is revoked by its head, its first row,
// whose id is the id of the family. So a token that is issued while its family ends is revoked, too; marking the tokens themselves
// would miss a token that is not committed yet.
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
import { ACCOUNT, type AccountRow } from './account-row.ts';
import type { AccountWithHash } from './accounts.ts';
import { takeToken } from './email-tokens.ts';
import { endSessions, inTransaction } from './transaction.ts';

/** A family and its user. */
const FAMILY = { familyId: bigint, userId: integer } satisfies Partial<ColumnsOf<Session>>;
export type FamilyRow = RowOf<typeof FAMILY>;

export interface SessionLife {
  /** How long an unused token is valid. */
  readonly ttlDays: number;
  /** How long after its login a family ends, however often it is refreshed. */
  readonly maxAgeDays: number;
}

export interface TokenUse {
  readonly tokenHash: Uint8Array;
  /** The hash of the next token. */
  readonly nextHash: Uint8Array;
  /** The hash of the idempotency key; null without a key. */
  readonly keyHash: Uint8Array | null;
}

export interface SessionStore {
  /**
   * Starts a family with its first token and returns the account. Undefined, and no change, when the account no longer has the verified
   * password. A disabled account gets no family.
   */
  open(
    userId: number,
    verifiedHash: string,
    tokenHash: Uint8Array,
    life: SessionLife,
  ): Promise<AccountRow | undefined>;
  /** The same with the token of a mailed login link, which it uses up. Undefined, and no change, when the token is not valid. */
  openByLink(
    emailTokenHash: Uint8Array,
    tokenHash: Uint8Array,
    life: SessionLife,
  ): Promise<AccountWithHash | undefined>;
  /**
   * Uses up a valid token of a family that is not too old, and inserts the next token. Undefined, and no change, when there is no such
   * token.
   */
  rotate(use: TokenUse, life: SessionLife): Promise<AccountRow | undefined>;
  /**
   * The account of the session, if the token was used a moment ago or with the same key, and the next token has that hash and is still
   * valid and unused.
   */
  unusedSuccessor(use: TokenUse): Promise<AccountRow | undefined>;
  /** Ends the family of a used token. Undefined when the token is unused or the family has already ended. */
  revokeReused(tokenHash: Uint8Array): Promise<FamilyRow | undefined>;
  /** Ends the family of a token, also of a used or expired one. */
  revoke(tokenHash: Uint8Array): Promise<void>;
  /** Ends all families of the account, also that of a login which is not committed yet. */
  revokeAll(userId: number): Promise<void>;
}

const LIFE = { ttlDays: doublePrecision, maxAgeDays: doublePrecision };

// With FOR SHARE, this statement and a change of the account wait for each other. Either the change sees the family and ends it, or this
// statement sees the changed account: with another hash it starts no family, and it returns the new role.
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

// Two tabs that refresh at the same time, or a call that is sent again, are no theft (RFC 9700, 4.14.2, lets the server decide).
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

// This is not FOR UPDATE, because a rotation holds locks that `endSessions` waits for and needs a key share of this row.
const lockAccount = statement({
  name: 'users_account_lock',
  text: 'SELECT FROM users.users WHERE id = $userId FOR NO KEY UPDATE',
  parameters: { userId: integer },
  row: {},
});

/** The sessions in the database behind `pool`. */
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
