// Passwords in PostgreSQL: one takes another's place, and the sessions that were opened before end with it.
import { type Queryable, statement } from '@holdfast/platform/database';
import type pg from 'pg';
import { ACCOUNT_COLUMNS, type AccountRow } from './accounts.js';

export interface PasswordChange {
  readonly userId: string;
  /** The hash against which the current password was verified: the change happens only while it is still there. */
  readonly verifiedHash: string;
  readonly nextHash: string;
  /** The hash of an unused refresh token of the user's, whose family lives on. */
  readonly keptTokenHash: Uint8Array | undefined;
}

export interface PasswordStore {
  /** Undefined, and no change, when the verified hash is not the account's any more. */
  replace(change: PasswordChange): Promise<AccountRow | undefined>;
}

const replaceHash = statement<[userId: string, verifiedHash: string, nextHash: string], AccountRow>(
  'users_password_replace',
  `UPDATE users.users u
      SET password_hash = $3, version = u.version + 1, updated_at = now()
    WHERE u.id = $1 AND u.password_hash = $2
RETURNING ${ACCOUNT_COLUMNS}`,
);

// A used token keeps nothing: whoever holds its successor may be the one whom the change is to lock out.
const revokeOthers = statement<[userId: string, keptTokenHash: Uint8Array | null], never>(
  'users_session_revoke_others',
  `UPDATE users.sessions
      SET revoked_at = now()
    WHERE user_id = $1 AND id = family_id AND revoked_at IS NULL
      AND id IS DISTINCT FROM (SELECT family_id FROM users.sessions WHERE token_hash = $2 AND used_at IS NULL)`,
);

/** The passwords of the database behind `pool`. */
export function createPasswordStore(pool: pg.Pool): PasswordStore {
  return {
    replace: ({ userId, verifiedHash, nextHash, keptTokenHash }) =>
      // Two statements: a single one would not see the session of a login that it had to wait for.
      inTransaction(pool, async (transaction) => {
        const [account] = await replaceHash(transaction, userId, verifiedHash, nextHash);
        if (account !== undefined) await revokeOthers(transaction, userId, keptTokenHash ?? null);
        return account;
      }),
  };
}

async function inTransaction<Result>(
  pool: pg.Pool,
  work: (transaction: Queryable) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    // The connection goes, and its transaction with it: one that is broken could not roll back.
    client.release(true);
    throw error;
  }
}
