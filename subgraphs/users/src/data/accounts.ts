// Accounts in PostgreSQL.
import { Role, type User } from '@holdfast/database';
import { traceparent } from '@holdfast/platform/observability/tracing';
import { brokenUniqueConstraint } from '@holdfast/platform/postgres/database';
import {
  arrayOf,
  bigint,
  boolean,
  type ColumnsOf,
  enumeration,
  integer,
  nullable,
  type RowOf,
  selectList,
  statement,
  text,
  timestamptz,
} from '@holdfast/platform/postgres/sql';
import type pg from 'pg';
import type { RegisterInput } from '../generated/graphql.ts';
import { mailToken, makeToken, type NewToken, TOKEN_PARAMETERS } from './token-mails.ts';

/** `users.role`. */
export const ROLE = enumeration('users.role', Role);

/** The columns of `users.users` that everyone but the login needs. */
export const ACCOUNT = {
  id: integer,
  username: text,
  /** Lower case. */
  email: text,
  emailVerifiedAt: nullable(timestamptz),
  role: ROLE,
  version: integer,
  createdAt: timestamptz,
  updatedAt: timestamptz,
  /** Null while the account is in use. */
  disabledAt: nullable(timestamptz),
  /** What its access tokens carry: it grows when all that are out end. */
  tokenGeneration: integer,
};
export type AccountRow = RowOf<typeof ACCOUNT>;

/** All columns of `users.users`. */
export const USER = {
  ...ACCOUNT,
  /** argon2id, PHC string format. */
  passwordHash: text,
  tokensEndedAt: nullable(timestamptz),
} satisfies ColumnsOf<User>;
export type UserRow = RowOf<typeof USER>;

export interface AccountWithHash {
  readonly account: AccountRow;
  readonly passwordHash: string;
}

/** What a registration writes: its input, with the hash in the place of the password. */
export type NewAccount = {
  readonly [Field in Exclude<keyof RegisterInput, 'password'> | 'passwordHash']: UserRow[Field];
};

/** Which of the two was in use already. */
export type TakenName = 'username' | 'email';

export interface AccountStore {
  /**
   * Decided by the INSERT alone, so that of two that race one is told. With a token, the mail that verifies the address is
   * added by the same statement.
   */
  create(account: NewAccount, token?: NewToken): Promise<AccountRow | TakenName>;
  /** In the order of `ids`, null where there is none; one statement. */
  byIds(ids: readonly number[]): Promise<(AccountRow | null)[]>;
  byId(id: number): Promise<AccountWithHash | undefined>;
  byUsername(username: string): Promise<AccountWithHash | undefined>;
  byEmail(email: string): Promise<AccountWithHash | undefined>;
}

const selectByIds = statement({
  name: 'users_accounts_by_ids',
  text: `SELECT ${selectList(ACCOUNT)} FROM users.users WHERE id = ANY ($ids::int[])`,
  parameters: { ids: arrayOf(integer) },
  row: ACCOUNT,
});

const selectById = statement({
  name: 'users_account_by_id',
  text: `SELECT ${selectList(USER)} FROM users.users WHERE id = $id`,
  parameters: { id: integer },
  row: USER,
});

const selectByUsername = statement({
  name: 'users_account_by_username',
  text: `SELECT ${selectList(USER)} FROM users.users WHERE lower(username) = lower($username)`,
  parameters: { username: text },
  row: USER,
});

const selectByEmail = statement({
  name: 'users_account_by_email',
  text: `SELECT ${selectList(USER)} FROM users.users WHERE email = $email`,
  parameters: { email: text },
  row: USER,
});

const insert = statement({
  name: 'users_account_insert',
  text: `WITH account AS (
           INSERT INTO users.users (username, email, password_hash) VALUES ($username, $email, $passwordHash) RETURNING *
         ), ${makeToken({
           from: 'account WHERE $isMailed::boolean',
           userId: 'id',
           purpose: "'VERIFY_EMAIL'::users.email_token_purpose",
           email: 'email',
         })}
         SELECT ${selectList(ACCOUNT)}, (SELECT ${mailToken()} FROM made) AS "jobId" FROM account`,
  parameters: { username: text, email: text, passwordHash: text, isMailed: boolean, ...TOKEN_PARAMETERS },
  row: { ...ACCOUNT, jobId: nullable(bigint) },
});

const TAKEN_BY_CONSTRAINT: Readonly<Record<string, TakenName>> = {
  users_username_key: 'username',
  users_email_key: 'email',
};

/** Stands in the statement for the token that is not made. */
const NO_TOKEN: NewToken = { seed: '', hash: new Uint8Array(32) };

function withHash(row: UserRow | undefined): AccountWithHash | undefined {
  if (row === undefined) return undefined;
  const { passwordHash, tokensEndedAt: _, ...account } = row;
  return { account, passwordHash };
}

/** The accounts of the database behind `db`, read over `reads`. */
export function createAccountStore(db: pg.Pool, reads: pg.Pool = db): AccountStore {
  return {
    async create(account, token = NO_TOKEN) {
      const { seed, hash: tokenHash } = token;
      const isMailed = token !== NO_TOKEN;
      try {
        const [created] = await insert(db, { ...account, isMailed, tokenHash, seed, trace: traceparent() });
        if (created === undefined) throw new Error('an INSERT returned no row');
        const { jobId: _, ...row } = created;
        return row;
      } catch (error) {
        const taken = TAKEN_BY_CONSTRAINT[brokenUniqueConstraint(error) ?? ''];
        if (taken === undefined) throw error;
        return taken;
      }
    },
    async byIds(ids) {
      const rows = new Map((await selectByIds(reads, { ids })).map((row) => [row.id, row]));
      return ids.map((id) => rows.get(id) ?? null);
    },
    byId: async (id) => withHash((await selectById(reads, { id }))[0]),
    byUsername: async (username) => withHash((await selectByUsername(reads, { username }))[0]),
    byEmail: async (email) => withHash((await selectByEmail(reads, { email }))[0]),
  };
}
