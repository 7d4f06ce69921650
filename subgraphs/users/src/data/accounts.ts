// Accounts in PostgreSQL.
import { createPrismaClient } from '@holdfast/database';
import { brokenUniqueConstraint, statement } from '@holdfast/platform/database';
import type { Role } from '@holdfast/platform/viewer';
import type pg from 'pg';

/** A row of `users.users` as everyone but the login needs it. */
export interface AccountRow {
  readonly id: number;
  readonly username: string;
  /** Lower case. */
  readonly email: string;
  readonly role: Role;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface AccountWithHash {
  readonly account: AccountRow;
  /** argon2id, PHC string format. */
  readonly passwordHash: string;
}

export interface NewAccount {
  readonly username: string;
  readonly email: string;
  readonly passwordHash: string;
}

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

/** The columns of an AccountRow. */
export const ACCOUNT_COLUMNS = `u.id, u.username, u.email, u.role, u.version,
       u.created_at AS "createdAt", u.updated_at AS "updatedAt"`;

type RowWithHash = AccountRow & { readonly passwordHash: string };

const selectByIds = statement<[ids: readonly number[]], AccountRow>(
  'users_accounts_by_ids',
  `SELECT ${ACCOUNT_COLUMNS} FROM users.users u WHERE u.id = ANY ($1::int[])`,
);

const selectById = statement<[id: number], RowWithHash>(
  'users_account_by_id',
  `SELECT ${ACCOUNT_COLUMNS}, u.password_hash AS "passwordHash" FROM users.users u WHERE u.id = $1`,
);

const selectByUsername = statement<[username: string], RowWithHash>(
  'users_account_by_username',
  `SELECT ${ACCOUNT_COLUMNS}, u.password_hash AS "passwordHash" FROM users.users u WHERE lower(u.username) = lower($1)`,
);

const selectByEmail = statement<[email: string], RowWithHash>(
  'users_account_by_email',
  `SELECT ${ACCOUNT_COLUMNS}, u.password_hash AS "passwordHash" FROM users.users u WHERE u.email = $1`,
);

const TAKEN_BY_CONSTRAINT: Readonly<Record<string, TakenName>> = {
  users_username_key: 'username',
  users_email_key: 'email',
};

function withHash(row: RowWithHash | undefined): AccountWithHash | undefined {
  if (row === undefined) return undefined;
  const { passwordHash, ...account } = row;
  return { account, passwordHash };
}

/** The accounts of the database behind `db`, read over `reads`. */
export function createAccountStore(db: pg.Pool, reads: pg.Pool = db): AccountStore {
  const prisma = createPrismaClient(db);
  return {
    async create(account) {
      try {
        return await prisma.user.create({ data: account, omit: { passwordHash: true } });
      } catch (error) {
        const taken = TAKEN_BY_CONSTRAINT[brokenUniqueConstraint(error) ?? ''];
        if (taken === undefined) throw error;
        return taken;
      }
    },
    async byIds(ids) {
      const rows = new Map((await selectByIds(reads, ids)).map((row) => [row.id, row]));
      return ids.map((id) => rows.get(id) ?? null);
    },
    byId: async (id) => withHash((await selectById(reads, id))[0]),
    byUsername: async (username) => withHash((await selectByUsername(reads, username))[0]),
    byEmail: async (email) => withHash((await selectByEmail(reads, email))[0]),
  };
}
