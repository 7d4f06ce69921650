// Keyset pages of orders, newest first (ids come from a sequence). Each filter has its own statements, which read only about as
// many rows as the page has, from one index.

import { decodeCursor, encodeCursor, MAX_PAGE } from '@holdfast/platform/graphql/pages';
import { parseOrderId } from '@holdfast/platform/ids';
import type { Queryable } from '@holdfast/platform/postgres/database';
import { bigint, integer, selectList, statement, textOf } from '@holdfast/platform/postgres/sql';
import type { OrderStatus } from '../domain/order-status.ts';
import { ORDER, type Order } from './order-row.ts';

export interface OrderPageQuery {
  readonly limit: number;
  /** The page begins after this id. */
  readonly after?: number | undefined;
  /** Only orders of this user. */
  readonly userId?: number | undefined;
  readonly status?: OrderStatus | undefined;
}

const LIST = 'orders';
export const orderCursor = (order: Order): string => encodeCursor(LIST, [String(order.id)]);
/** The id in a cursor. @throws {AppError} BAD_USER_INPUT when the text is no cursor of a list of orders */
export const orderSortKey = (cursor: string): number | undefined =>
  parseOrderId(decodeCursor(LIST, 1, cursor)[0] ?? '');

/** One more than the longest page. It is a constant in the SQL, so that PostgreSQL plans for few rows. */
const LONGEST = MAX_PAGE + 1;

const declarePage = (name: string, where: string, order = 'id DESC') =>
  statement({
    name,
    text: `SELECT ${selectList(ORDER)} FROM (
      SELECT * FROM orders.orders WHERE ${where} ORDER BY ${order} LIMIT ${LONGEST}
    ) AS page ORDER BY ${order} LIMIT $limit`,
    parameters: { limit: bigint },
    optional: { after: bigint, userId: integer, status: textOf<OrderStatus>() },
    row: ORDER,
  });

/**
 * The statements for orders with given values in `columns`. The condition is a range of rows and not an equality: with
 * `status = $status` PostgreSQL may instead scan the primary key and drop other statuses, which reads nearly the whole table
 * when orders of that status are few or old. Only the index on (status, id) provides the sort order of the range.
 */
function declareList(name: string, columns: readonly string[], values: readonly string[]) {
  const row = (members: readonly string[]) => `(${members.join(', ')})`;
  const order = [...columns, 'id'].map((column) => `${column} DESC`).join(', ');
  const from = `${row(columns)} >= ${row(values)}`;
  return {
    first: declarePage(name, `${from} AND ${row(columns)} <= ${row(values)}`, order),
    next: declarePage(
      `${name}_after`,
      `${from} AND ${row([...columns, 'id'])} < ${row([...values, '$after::bigint'])}`,
      order,
    ),
  };
}

const ofAll = {
  first: declarePage('orders_page_all', 'true'),
  next: declarePage('orders_page_all_after', 'id < $after::bigint'),
};
const ofUser = declareList('orders_page', ['user_id'], ['$userId::int']);
const ofUserByStatus = declareList(
  'orders_page_status',
  ['user_id', 'status'],
  ['$userId::int', '$status::varchar'],
);
const ofAllByStatus = declareList('orders_page_all_status', ['status'], ['$status::varchar']);

/** At most `limit` orders (never more than 101), newest first. */
export function selectOrderPage(
  db: Queryable,
  { limit, after, userId, status }: OrderPageQuery,
): Promise<Order[]> {
  const all = status === undefined ? ofAll : ofAllByStatus;
  const ofOne = status === undefined ? ofUser : ofUserByStatus;
  const { first, next } = userId === undefined ? all : ofOne;
  const selectPage = after === undefined ? first : next;
  return selectPage(db, { limit, after, userId, status });
}
