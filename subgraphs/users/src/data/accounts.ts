// Accounts in PostgreSQL.
import { createPrismaClient, Role, type User } from '@holdfast/database';
import { brokenUniqueConstraint } from '@holdfast/platform/database';
import {
  arrayOf,
  type ColumnsOf,
  enumeration,
  integer,
  nullable,
  type RowOf,
  selectList,
  statement,
  text,
  timestamptz,
} from '@holdfast/platform/sql';
import type pg from 'pg';
import type { RegisterInput } from '../generated/graphql.ts';

/** `users.role`. */
export const ROLE = enumeration('users.role', Role);

/** The columns of `users.users` that everyone but the login needs. */
export const ACCOUNT = {
  id: integer,
  username: text,
  /** Lower case. */
  email: text,
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
const USER = {
  ...ACCOUNT,
  /** argon2id, PHC string format. */
  passwordHash: text,
  tokensEndedAt: nullable(timestamptz),
} satisfies ColumnsOf<User>;
type UserRow = RowOf<typeof USER>;

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
  /** Decided by the INSERT alone, so that of two that race one is told. */
  create(account: NewAccount): Promise<AccountRow | TakenName>;
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

const TAKEN_BY_CONSTRAINT: Readonly<Record<string, TakenName>> = {
  users_username_key: 'username',
  users_email_key: 'email',
};

function withHash(row: UserRow | undefined): AccountWithHash | undefined {
  if (row === undefined) return undefined;
  const { passwordHash, tokensEndedAt: _, ...account } = row;
  return { account, passwordHash };
}

/** The accounts of the database behind `db`, read over `reads`. */
export function createAccountStore(db: pg.Pool, reads: pg.Pool = db): AccountStore {
  const prisma = createPrismaClient(db);
  return {
    async create(data) {
      try {
        return await prisma.user.create({ data, omit: { passwordHash: true, tokensEndedAt: true } });
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
