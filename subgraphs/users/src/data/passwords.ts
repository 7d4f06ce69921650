// Passwords in PostgreSQL: one takes another's place, and the sessions that were opened before end with it, as do the links
// that were mailed before.
import { integer, selectList, statement, text } from '@holdfast/platform/postgres/sql';
import type pg from 'pg';
import { ACCOUNT, type AccountRow } from './accounts.ts';
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

const replaceHash = statement({
  name: 'users_password_replace',
  text: `UPDATE users.users
            SET password_hash = $nextHash, version = version + 1, updated_at = now()
          WHERE id = $userId AND password_hash = $verifiedHash
      RETURNING ${selectList(ACCOUNT)}`,
  parameters: { userId: integer, verifiedHash: text, nextHash: text },
  row: ACCOUNT,
});

/** The passwords of the database behind `pool`. */
export function createPasswordStore(pool: pg.Pool): PasswordStore {
  return {
    replace: ({ userId, verifiedHash, nextHash, keptTokenHash }) =>
      // Several statements: a single one would not see the session of a login that it had to wait for.
      inTransaction(pool, async (transaction) => {
        const [account] = await replaceHash(transaction, { userId, verifiedHash, nextHash });
        if (account === undefined) return undefined;
        await endSessions(transaction, userId, keptTokenHash);
        return account;
      }),
  };
}
