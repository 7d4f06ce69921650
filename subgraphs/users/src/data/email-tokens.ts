// Mailed tokens in PostgreSQL: one row for each account and purpose, so that a new token replaces the old one. The statement that makes
// a token also adds the job that mails it.
import { createPrismaClient } from '@holdfast/database';
import { traceparent } from '@holdfast/platform/observability/tracing';
import type { Queryable } from '@holdfast/platform/postgres/database';
import {
  arrayOf,
  bigint,
  bytea,
  integer,
  nullable,
  selectList,
  statement,
  text,
} from '@holdfast/platform/postgres/sql';
import { ADDED_JOB, addJob } from '@holdfast/platform/queue/queue';
import type pg from 'pg';
import { USER, type UserRow } from './account-row.ts';
import {
  type EmailTokenPurpose,
  mailToken,
  makeToken,
  type NewToken,
  PURPOSE,
  TOKEN_PARAMETERS,
} from './token-mails.ts';

// With FOR SHARE, here and below, this statement and a change of the account wait for each other. Either the change sees the token and
// ends it, or this statement sees the changed account and makes no token for its old password or address.
const make = statement({
  name: 'users_email_token_make',
  text: `WITH owner AS MATERIALIZED (
           SELECT id, email FROM users.users
            WHERE id = $userId AND password_hash = coalesce($verifiedHash, password_hash)
              FOR SHARE
         ), ${makeToken({
           from: 'owner',
           userId: 'id',
           purpose: '$purpose::users.email_token_purpose',
           email: 'coalesce($email, email)',
         })}
         SELECT (SELECT ${mailToken()} FROM made) FROM owner`,
  parameters: {
    userId: integer,
    purpose: PURPOSE,
    email: nullable(text),
    verifiedHash: nullable(text),
    ...TOKEN_PARAMETERS,
  },
  row: { jobId: nullable(bigint) },
});

const makeForEmail = statement({
  name: 'users_email_token_make_for_email',
  text: `WITH ${makeToken({
    from: 'users.users WHERE email = $email FOR SHARE',
    userId: 'id',
    purpose: "'RESET_PASSWORD'::users.email_token_purpose",
    email: 'email',
  })}
         SELECT ${mailToken()} FROM made`,
  parameters: { email: text, ...TOKEN_PARAMETERS },
  row: ADDED_JOB,
});

const askForReset = statement({
  name: 'users_password_reset_ask',
  text: `SELECT ${addJob('start-password-reset', "jsonb_build_object('email', $email::text)", '$trace::text')}`,
  parameters: { email: text, trace: nullable(text) },
  row: ADDED_JOB,
});

/** What the mail of a token needs, and the hash that its seed must have. */
const MAILED = { username: text, email: text, tokenHash: bytea };

const toMail = statement({
  name: 'users_email_token_to_mail',
  text: `SELECT u.username, t.email, t.token_hash AS "tokenHash"
           FROM users.email_tokens t JOIN users.users u ON u.id = t.user_id
          WHERE t.user_id = $userId AND t.purpose = $purpose AND t.used_at IS NULL AND t.expires_at > now()`,
  parameters: { userId: integer, purpose: PURPOSE },
  row: MAILED,
});

// This locks the account before the token, as all changes of an account do, so that no two transactions deadlock.
const lockOwner = statement({
  name: 'users_email_token_owner',
  text: `SELECT ${selectList(USER, 'u')} FROM users.users u
          WHERE u.id = (SELECT user_id FROM users.email_tokens WHERE token_hash = $tokenHash)
            FOR NO KEY UPDATE`,
  parameters: { tokenHash: bytea },
  row: USER,
});

const TAKEN = { purpose: PURPOSE, email: text };

const take = statement({
  name: 'users_email_token_take',
  text: `UPDATE users.email_tokens
            SET used_at = now()
          WHERE token_hash = $tokenHash AND purpose::text = ANY ($purposes::text[])
            AND used_at IS NULL AND expires_at > now()
      RETURNING purpose, email`,
  parameters: { tokenHash: bytea, purposes: arrayOf(text) },
  row: TAKEN,
});

const end = statement({
  name: 'users_email_tokens_end',
  text: 'UPDATE users.email_tokens SET used_at = now() WHERE user_id = $userId AND used_at IS NULL',
  parameters: { userId: integer },
  row: {},
});

// A row that gets a new token in the meantime is skipped, because it is no longer expired when the statement locks it.
const sweep = statement({
  name: 'users_email_tokens_sweep',
  text: `DELETE FROM users.email_tokens
          WHERE (user_id, purpose) IN (
            SELECT user_id, purpose FROM users.email_tokens
             WHERE expires_at < now() - interval '1 day' ORDER BY expires_at LIMIT $max FOR UPDATE SKIP LOCKED)
      RETURNING user_id AS "userId"`,
  parameters: { max: bigint },
  row: { userId: integer },
});

/** A token that was just used up, and its account, which is locked until the end of the transaction. */
export interface TakenToken {
  readonly owner: UserRow;
  readonly purpose: EmailTokenPurpose;
  /** The address to which the token was mailed. */
  readonly email: string;
}

/** Uses up a valid token with one of `purposes`. Of several concurrent transactions, one succeeds. */
export async function takeToken(
  transaction: Queryable,
  tokenHash: Uint8Array,
  purposes: readonly EmailTokenPurpose[],
): Promise<TakenToken | undefined> {
  const [owner] = await lockOwner(transaction, { tokenHash });
  if (owner === undefined) return undefined;
  const [taken] = await take(transaction, { tokenHash, purposes });
  return taken && { owner, ...taken };
}

/** Ends all tokens of an account whose password or address the transaction has changed. */
export async function endTokens(transaction: Queryable, userId: number): Promise<void> {
  await end(transaction, { userId });
}

/** Deletes at most `max` tokens that expired more than a day ago. Returns how many. */
export const sweepEmailTokens = async (db: Queryable, max: number): Promise<number> =>
  (await sweep(db, { max })).length;

/** A token for the address of an account, or for a new address, which requires the password. */
export type WantedToken =
  | { readonly userId: number; readonly purpose: 'VERIFY_EMAIL' | 'CONFIRM_LOGIN' }
  | {
      readonly userId: number;
      readonly purpose: 'CHANGE_EMAIL';
      readonly email: string;
      /** The hash with which the password was verified. A token is made only if the account still has it. */
      readonly verifiedHash: string;
    };

/** `no owner`: there is no such account, or its password has changed. */
export type MakeOutcome = 'mailed' | 'too many' | 'no owner';

export type TokenOwner = Pick<UserRow, 'username' | 'email'>;

export interface EmailTokenStore {
  /** Makes a token and adds the job that mails it. */
  make(wanted: WantedToken, token: NewToken): Promise<MakeOutcome>;
  /** Adds a job that looks up the account of an address, so that the request runs the same statement whether there is one or not. */
  askForReset(email: string): Promise<void>;
  /** The work of that job: makes a token and its mail, if there is an account and not too many tokens were made. */
  makeReset(email: string, token: NewToken): Promise<void>;
  /** The account of a valid token with that purpose. */
  ownerOf(tokenHash: Uint8Array<ArrayBuffer>, purpose: EmailTokenPurpose): Promise<TokenOwner | undefined>;
  /** For the notice to an old address; undefined when there is no such account. */
  usernameOf(userId: number): Promise<string | undefined>;
  /** The content of the mail; undefined when the token is no longer valid. */
  toMail(
    userId: number,
    purpose: EmailTokenPurpose,
  ): Promise<
    { readonly username: string; readonly email: string; readonly tokenHash: Uint8Array } | undefined
  >;
}

/** The tokens in the database behind `db`. */
export function createEmailTokenStore(db: pg.Pool): EmailTokenStore {
  const prisma = createPrismaClient(db);
  return {
    make: async (wanted, { seed, hash: tokenHash }) => {
      const token = { tokenHash, seed, trace: traceparent() };
      const [owner] = await make(db, { email: null, verifiedHash: null, ...wanted, ...token });
      if (owner === undefined) return 'no owner';
      return owner.jobId === null ? 'too many' : 'mailed';
    },
    askForReset: async (email) => {
      await askForReset(db, { email, trace: traceparent() });
    },
    makeReset: async (email, { seed, hash: tokenHash }) => {
      await makeForEmail(db, { email, tokenHash, seed, trace: traceparent() });
    },
    ownerOf: async (tokenHash, purpose) => {
      const found = await prisma.emailToken.findFirst({
        where: { tokenHash, purpose, usedAt: null, expiresAt: { gt: new Date() } },
        select: { user: { select: { username: true, email: true } } },
      });
      return found?.user;
    },
    usernameOf: async (id) =>
      (await prisma.user.findUnique({ where: { id }, select: { username: true } }))?.username,
    toMail: async (userId, purpose) => (await toMail(db, { userId, purpose }))[0],
  };
}
