// Passwords in PostgreSQL. A change of password ends the sessions that were opened before, and the links that were mailed before.
import { integer, selectList, statement, text } from '@holdfast/platform/postgres/sql';
import type pg from 'pg';
import { ACCOUNT, type AccountRow } from './account-row.ts';
import { endSessions, inTransaction } from './transaction.ts';

export interface PasswordChange {
  readonly userId: number;
  /** The hash with which the current password was verified. The change happens only if the account still has it. */
  readonly verifiedHash: string;
  readonly nextHash: string;
  /** The hash of an unused refresh token of the user. Its session is kept. */
  readonly keptTokenHash: Uint8Array | undefined;
}

export interface PasswordStore {
  /** Undefined, and no change, when the account no longer has the verified hash. */
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

/** The passwords in the database behind `pool`. */
export function createPasswordStore(pool: pg.Pool): PasswordStore {
  return {
    replace: ({ userId, verifiedHash, nextHash, keptTokenHash }) =>
      // These are several statements, because a single one would not see the session of a login that it waited for.
      inTransaction(pool, async (transaction) => {
        const [account] = await replaceHash(transaction, { userId, verifiedHash, nextHash });
        if (account === undefined) return undefined;
        await endSessions(transaction, userId, keptTokenHash);
        return account;
      }),
  };
}
