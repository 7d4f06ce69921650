// Passwords in PostgreSQL: one takes another's place, and the sessions that were opened before end with it.
import { statement } from '@holdfast/platform/database';
import type pg from 'pg';
import { ACCOUNT_COLUMNS, type AccountRow } from './accounts.ts';
import { endSessions, inTransaction } from './transaction.ts';

export interface PasswordChange {
  readonly userId: number;
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

const replaceHash = statement<[userId: number, verifiedHash: string, nextHash: string], AccountRow>(
  'users_password_replace',
  `UPDATE users.users u
      SET password_hash = $3, version = u.version + 1, updated_at = now()
    WHERE u.id = $1 AND u.password_hash = $2
RETURNING ${ACCOUNT_COLUMNS}`,
);

/** The passwords of the database behind `pool`. */
export function createPasswordStore(pool: pg.Pool): PasswordStore {
  return {
    replace: ({ userId, verifiedHash, nextHash, keptTokenHash }) =>
      // Two statements: a single one would not see the session of a login that it had to wait for.
      inTransaction(pool, async (transaction) => {
        const [account] = await replaceHash(transaction, userId, verifiedHash, nextHash);
        if (account !== undefined) await endSessions(transaction, userId, keptTokenHash);
        return account;
      }),
  };
}
