// The accounts in PostgreSQL.
import { inOrderOf } from '@holdfast/platform/ids';
import { traceparent } from '@holdfast/platform/observability/tracing';
import { brokenUniqueConstraint } from '@holdfast/platform/postgres/database';
import {
  arrayOf,
  bigint,
  boolean,
  integer,
  nullable,
  selectList,
  statement,
  text,
} from '@holdfast/platform/postgres/sql';
import type pg from 'pg';
import type { RegisterInput } from '../generated/graphql.ts';
import { type AccountPageQuery, selectAccountPage } from './account-pages.ts';
import { ACCOUNT, type AccountRow, USER, type UserRow } from './account-row.ts';
import { mailToken, makeToken, type NewToken, TOKEN_PARAMETERS } from './token-mails.ts';

export interface AccountWithHash {
  readonly account: AccountRow;
  readonly passwordHash: string;
}

/** What a registration writes: the input with the hash in the place of the password. */
export type NewAccount = {
  readonly [Field in Exclude<keyof RegisterInput, 'password'> | 'passwordHash']: UserRow[Field];
};

/** Which of the two names another account has. */
export type TakenName = 'username' | 'email';

export interface AccountStore {
  /**
   * The INSERT alone decides whether a name is free, so that of two concurrent registrations one succeeds. With a token, the same
   * statement also adds the job that mails the link to verify the address.
   */
  create(account: NewAccount, token?: NewToken): Promise<AccountRow | TakenName>;
  /** In the order of `ids`, null where there is no account; one statement. */
  byIds(ids: readonly number[]): Promise<(AccountRow | null)[]>;
  byId(id: number): Promise<AccountWithHash | undefined>;
  byUsername(username: string): Promise<AccountWithHash | undefined>;
  byEmail(email: string): Promise<AccountWithHash | undefined>;
  /** By username. */
  page(query: AccountPageQuery): Promise<AccountRow[]>;
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

/** The parameters of the statement when no token is made. */
const NO_TOKEN: NewToken = { seed: '', hash: new Uint8Array(32) };

function withHash(row: UserRow | undefined): AccountWithHash | undefined {
  if (row === undefined) return undefined;
  const { passwordHash, tokensEndedAt: _, ...account } = row;
  return { account, passwordHash };
}

/** The accounts of the database behind `writes`, read over `reads`. */
export function createAccountStore(writes: pg.Pool, reads: pg.Pool = writes): AccountStore {
  return {
    async create(account, token = NO_TOKEN) {
      const { seed, hash: tokenHash } = token;
      const isMailed = token !== NO_TOKEN;
      try {
        const [created] = await insert(writes, {
          ...account,
          isMailed,
          tokenHash,
          seed,
          trace: traceparent(),
        });
        if (created === undefined) throw new Error('the INSERT returned no row');
        const { jobId: _, ...row } = created;
        return row;
      } catch (error) {
        const taken = TAKEN_BY_CONSTRAINT[brokenUniqueConstraint(error) ?? ''];
        if (taken === undefined) throw error;
        return taken;
      }
    },
    byIds: async (ids) => inOrderOf(ids, await selectByIds(reads, { ids })),
    byId: async (id) => withHash((await selectById(reads, { id }))[0]),
    byUsername: async (username) => withHash((await selectByUsername(reads, { username }))[0]),
    byEmail: async (email) => withHash((await selectByEmail(reads, { email }))[0]),
    page: (query) => selectAccountPage(reads, query),
  };
}
