// The columns of `users.users`, and the types of its rows.
import { Role, type User } from '@holdfast/database';
import {
  type ColumnsOf,
  enumeration,
  integer,
  nullable,
  type RowOf,
  text,
  timestamptz,
} from '@holdfast/platform/postgres/sql';

/** `users.role`. */
export const ROLE = enumeration('users.role', Role);

/** The columns of `users.users` without the password's hash. */
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
  /** Null while the account is active. */
  disabledAt: nullable(timestamptz),
  /** Access tokens carry this number. It grows when all access tokens of the account end. */
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
