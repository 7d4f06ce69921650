// Keyset pages of accounts by username. Each kind of list has its own statement, and an index that has exactly its rows.

import type { Role } from '@holdfast/platform/auth/viewer';
import { badInput } from '@holdfast/platform/errors';
import { decodeCursor, encodeCursor, MAX_PAGE } from '@holdfast/platform/graphql/pages';
import type { Queryable } from '@holdfast/platform/postgres/database';
import { bigint, selectList, statement, text } from '@holdfast/platform/postgres/sql';
import { ACCOUNT, type AccountRow } from './account-row.ts';

const STATES = { ACTIVE: 'disabled_at IS NULL', DISABLED: 'disabled_at IS NOT NULL' } as const;
export type AccountState = keyof typeof STATES;

export interface AccountPageQuery {
  readonly limit: number;
  /** The page begins after this name, in lower case. */
  readonly after: string | undefined;
  /** In lower case, only characters that a username may have. */
  readonly namePrefix: string;
  readonly role: Role | undefined;
  readonly state: AccountState | undefined;
}

const LIST = 'users';
const NAME = /^[a-z0-9_.-]{3,64}$/;

export const accountCursor = ({ id, username }: AccountRow): string =>
  encodeCursor(LIST, [username.toLowerCase(), String(id)]);

/** The name in a cursor. @throws {AppError} BAD_USER_INPUT when the text is no cursor of this list */
export function accountSortKey(cursor: string): string {
  const [name = ''] = decodeCursor(LIST, 2, cursor);
  if (!NAME.test(name)) throw badInput('after', 'expected a cursor from a page of this list');
  return name;
}

// Names are unique in lower case. In the byte order of "C", the names with one prefix are one range.
const SORT_KEY = 'lower(username) COLLATE "C"';

const declarePage = (name: string, filters: readonly string[]) =>
  statement({
    name,
    text: `SELECT ${selectList(ACCOUNT)} FROM (
             SELECT * FROM users.users
              WHERE ${[`${SORT_KEY} >= $from`, `${SORT_KEY} < $to`, ...filters].join(' AND ')}
              ORDER BY ${SORT_KEY} LIMIT ${MAX_PAGE + 1}
           ) AS page ORDER BY ${SORT_KEY} LIMIT $limit`,
    parameters: { from: text, to: text, limit: bigint },
    row: ACCOUNT,
  });

/** Statements by role and state; `ANY` stands for no condition. */
const PAGES = Object.fromEntries(
  ['ANY', 'CUSTOMER', 'STAFF'].flatMap((role) =>
    ['ANY', ...Object.keys(STATES)].map((state) => {
      const ofRole = role === 'ANY' ? [] : [`role = '${role}'`];
      const ofState = Object.entries(STATES).flatMap(([name, sql]) => (name === state ? [sql] : []));
      const name = `users_page_${role}_${state}`.toLowerCase();
      return [`${role} ${state}`, declarePage(name, [...ofRole, ...ofState])];
    }),
  ),
);

/** Sort before and after all characters of usernames. */
const [BEFORE_ALL, AFTER_ALL] = [' ', '~'];

/** The statement of a page and its arguments. */
export function accountPage({ limit, after, namePrefix, role, state }: AccountPageQuery) {
  const list = `${role ?? 'ANY'} ${state ?? 'ANY'}`;
  const selectPage = PAGES[list];
  if (selectPage === undefined) throw new Error(`there is no list of accounts ${list}`);
  const from = after === undefined || after < namePrefix ? namePrefix : after + BEFORE_ALL;
  return { selectPage, args: { from, to: namePrefix + AFTER_ALL, limit } };
}

/** At most `limit` accounts (never more than 101), by username. */
export function selectAccountPage(db: Queryable, query: AccountPageQuery): Promise<AccountRow[]> {
  const { selectPage, args } = accountPage(query);
  return selectPage(db, args);
}
