// Tokens that are mailed, in PostgreSQL: one row an account and purpose, so that making a token ends the one before. The mail is
// a job that the same statement adds.
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
import { USER, type UserRow } from './accounts.ts';
import {
  type EmailTokenPurpose,
  mailToken,
  makeToken,
  type NewToken,
  PURPOSE,
  TOKEN_PARAMETERS,
} from './token-mails.ts';

// FOR SHARE, here and below, makes this wait for a change of the account, and that for this: either the change sees this token
// and ends it, or this sees the account as changed, and makes none for a password or an address that it has not any more.
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

/** A token that is to be mailed: what the mail needs, and the hash by which its seed is known. */
const MAILED = { username: text, email: text, tokenHash: bytea };

const toMail = statement({
  name: 'users_email_token_to_mail',
  text: `SELECT u.username, t.email, t.token_hash AS "tokenHash"
           FROM users.email_tokens t JOIN users.users u ON u.id = t.user_id
          WHERE t.user_id = $userId AND t.purpose = $purpose AND t.used_at IS NULL AND t.expires_at > now()`,
  parameters: { userId: integer, purpose: PURPOSE },
  row: MAILED,
});

// Before the token, as every change of an account locks its row first: so no two can wait for each other.
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

// A row that is made anew meanwhile is passed over: it has not expired any more when its lock is had.
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

/** A token that was used up now, and the account as it is, locked until the end of the transaction. */
export interface TakenToken {
  readonly owner: UserRow;
  readonly purpose: EmailTokenPurpose;
  /** Where it was sent. */
  readonly email: string;
}

/** Uses a token up, if it is live and of one of `purposes`. Of several who race for it, one has it. */
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

/** Ends the tokens of an account whose password or address the transaction has changed. */
export async function endTokens(transaction: Queryable, userId: number): Promise<void> {
  await end(transaction, { userId });
}

/** Deletes at most `max` tokens that expired more than a day ago; says how many. */
export const sweepEmailTokens = async (db: Queryable, max: number): Promise<number> =>
  (await sweep(db, { max })).length;

/** A token for the address of an account, or for another one of who knows its password. */
export type WantedToken =
  | { readonly userId: number; readonly purpose: 'VERIFY_EMAIL' | 'CONFIRM_LOGIN' }
  | {
      readonly userId: number;
      readonly purpose: 'CHANGE_EMAIL';
      readonly email: string;
      /** The hash against which the password was verified: a token is made only while it is still there. */
      readonly verifiedHash: string;
    };

/** What became of it. `no owner`: there is no such account, or its password has changed. */
export type Making = 'mailed' | 'too many' | 'no owner';

export type TokenOwner = Pick<UserRow, 'username' | 'email'>;

export interface EmailTokenStore {
  /** Makes a token and has it mailed. */
  make(wanted: WantedToken, token: NewToken): Promise<Making>;
  /** Has a job look for the account of an address: the statement is the same whether there is one. */
  askForReset(email: string): Promise<void>;
  /** What that job does: makes the token and its mail, if there is an account and not too many were made. */
  makeReset(email: string, token: NewToken): Promise<void>;
  /** The account that the live token of that purpose is for. */
  ownerOf(tokenHash: Uint8Array<ArrayBuffer>, purpose: EmailTokenPurpose): Promise<TokenOwner | undefined>;
  /** For the mail that tells an old address; undefined when there is no such account. */
  usernameOf(userId: number): Promise<string | undefined>;
  /** What to mail; undefined when the token is not live any more. */
  toMail(
    userId: number,
    purpose: EmailTokenPurpose,
  ): Promise<
    { readonly username: string; readonly email: string; readonly tokenHash: Uint8Array } | undefined
  >;
}

/** The tokens of the database behind `db`. */
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
