// Pages of accounts by their usernames: keyset pagination, with a statement for each kind of list, so that each has an index
// with the rows that it shows.

import type { Role } from '@holdfast/platform/auth/viewer';
import { badInput } from '@holdfast/platform/errors';
import { decodeCursor, encodeCursor, MAX_PAGE } from '@holdfast/platform/graphql/pages';
import type { Queryable } from '@holdfast/platform/postgres/database';
import { bigint, selectList, statement, text } from '@holdfast/platform/postgres/sql';
import { ACCOUNT, type AccountRow } from './accounts.ts';

const STATES = { ACTIVE: 'disabled_at IS NULL', DISABLED: 'disabled_at IS NOT NULL' } as const;
export type AccountState = keyof typeof STATES;

export const stateOf = ({ disabledAt }: Pick<AccountRow, 'disabledAt'>): AccountState =>
  disabledAt === null ? 'ACTIVE' : 'DISABLED';

export interface AccountPageQuery {
  readonly limit: number;
  /** The name after which the page begins, in lower case. */
  readonly after: string | undefined;
  /** Of characters that a username may have, in lower case. */
  readonly namePrefix: string;
  readonly role: Role | undefined;
  readonly state: AccountState | undefined;
}

const LIST = 'users';
const NAME = /^[a-z0-9_.-]{3,64}$/;

export const accountCursor = ({ id, username }: AccountRow): string =>
  encodeCursor(LIST, [username.toLowerCase(), String(id)]);

/** The name after which a page begins. @throws {AppError} BAD_USER_INPUT when it is no cursor of this list */
export function accountSortKey(cursor: string): string {
  const [name = ''] = decodeCursor(LIST, 2, cursor);
  if (!NAME.test(name)) throw badInput('after', 'expected a cursor that a page of this list gave');
  return name;
}

// Names are distinct in lower case. In the order of bytes, those with a prefix are one range.
const SORT_KEY = 'lower(username) COLLATE "C"';

const page = (name: string, filters: readonly string[]) =>
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

/** By role, then by state; `ANY` where the list asks for none. */
const PAGES = Object.fromEntries(
  ['ANY', 'CUSTOMER', 'STAFF'].flatMap((role) =>
    ['ANY', ...Object.keys(STATES)].map((state) => {
      const ofRole = role === 'ANY' ? [] : [`role = '${role}'`];
      const ofState = Object.entries(STATES).flatMap(([name, sql]) => (name === state ? [sql] : []));
      const name = `users_page_${role}_${state}`.toLowerCase();
      return [`${role} ${state}`, page(name, [...ofRole, ...ofState])];
    }),
  ),
);

/** Before and after all characters of usernames. */
const [BEFORE_ALL, AFTER_ALL] = [' ', '~'];

/** The statement of a page, and what it is given. */
export function accountPage({ limit, after, namePrefix, role, state }: AccountPageQuery) {
  const list = `${role ?? 'ANY'} ${state ?? 'ANY'}`;
  const selectPage = PAGES[list];
  if (selectPage === undefined) throw new Error(`there is no list of accounts ${list}`);
  const from = after === undefined || after < namePrefix ? namePrefix : after + BEFORE_ALL;
  return { selectPage, args: { from, to: namePrefix + AFTER_ALL, limit } };
}

/** At most `limit` accounts (a page has no more than 101), by username. */
export function selectAccountPage(db: Queryable, query: AccountPageQuery): Promise<AccountRow[]> {
  const { selectPage, args } = accountPage(query);
  return selectPage(db, args);
}
