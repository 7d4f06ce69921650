// What mailed links do in PostgreSQL. Each step is one transaction that uses up the token and changes the account.

import { traceparent } from '@holdfast/platform/observability/tracing';
import { brokenUniqueConstraint, type Queryable } from '@holdfast/platform/postgres/database';
import { integer, nullable, selectList, statement, text } from '@holdfast/platform/postgres/sql';
import { ADDED_JOB, addJob } from '@holdfast/platform/queue/queue';
import type pg from 'pg';
import { ACCOUNT, type AccountRow } from './account-row.ts';
import { endTokens, type TakenToken, takeToken } from './email-tokens.ts';
import type { EmailTokenPurpose } from './token-mails.ts';
import { endSessions, inTransaction } from './transaction.ts';

export type EmailOutcome =
  | { readonly kind: 'verified' | 'changed'; readonly account: AccountRow }
  /** Another account has the address. */
  | { readonly kind: 'taken'; readonly email: string };

export interface EmailStepStore {
  /**
   * Marks the address of the token as verified and makes it the address of the account. Undefined when the token is not valid or the
   * account is disabled.
   */
  verify(tokenHash: Uint8Array): Promise<EmailOutcome | undefined>;
  /**
   * Gives the account of the token another password and ends its sessions. Undefined when the token is not valid or the account is
   * disabled.
   */
  reset(tokenHash: Uint8Array, nextHash: string): Promise<AccountRow | undefined>;
}

const setEmail = statement({
  name: 'users_email_set',
  text: `UPDATE users.users
            SET email = $email, email_verified_at = now(), version = version + 1, updated_at = now()
          WHERE id = $userId
      RETURNING ${selectList(ACCOUNT)}`,
  parameters: { userId: integer, email: text },
  row: ACCOUNT,
});

const tellOldAddress = statement({
  name: 'users_email_tell_old',
  text: `SELECT ${addJob(
    'send-mail',
    "jsonb_build_object('mail', 'email-changed', 'userId', $userId::int, 'to', $to::text)",
    '$trace::text',
  )}`,
  parameters: { userId: integer, to: text, trace: nullable(text) },
  row: ADDED_JOB,
});

const resetHash = statement({
  name: 'users_password_reset',
  text: `UPDATE users.users
            SET password_hash = $nextHash, email_verified_at = coalesce(email_verified_at, now()),
                version = version + 1, updated_at = now()
          WHERE id = $userId
      RETURNING ${selectList(ACCOUNT)}`,
  parameters: { userId: integer, nextHash: text },
  row: ACCOUNT,
});

/** Uses up the token of an active account. No link changes a disabled account. */
async function takeTokenOfActive(
  transaction: Queryable,
  tokenHash: Uint8Array,
  purposes: readonly EmailTokenPurpose[],
): Promise<TakenToken | undefined> {
  const taken = await takeToken(transaction, tokenHash, purposes);
  return taken?.owner.disabledAt === null ? taken : undefined;
}

/** The steps in the database behind `pool`. */
export function createEmailStepStore(pool: pg.Pool): EmailStepStore {
  return {
    async verify(tokenHash) {
      let email = '';
      try {
        return await inTransaction(pool, async (transaction) => {
          const taken = await takeTokenOfActive(transaction, tokenHash, ['VERIFY_EMAIL', 'CHANGE_EMAIL']);
          if (taken === undefined) return undefined;
          const { id: userId, email: to } = taken.owner;
          email = taken.email;
          const [account] = await setEmail(transaction, { userId, email });
          if (account === undefined) return undefined;
          if (taken.purpose === 'VERIFY_EMAIL') return { kind: 'verified', account };
          await endTokens(transaction, userId);
          await tellOldAddress(transaction, { userId, to, trace: traceparent() });
          return { kind: 'changed', account };
        });
      } catch (error) {
        if (brokenUniqueConstraint(error) !== 'users_email_key') throw error;
        return { kind: 'taken', email };
      }
    },
    reset: (tokenHash, nextHash) =>
      inTransaction(pool, async (transaction) => {
        const taken = await takeTokenOfActive(transaction, tokenHash, ['RESET_PASSWORD']);
        if (taken === undefined) return undefined;
        const { id: userId } = taken.owner;
        const [account] = await resetHash(transaction, { userId, nextHash });
        await endSessions(transaction, userId);
        return account;
      }),
  };
}
