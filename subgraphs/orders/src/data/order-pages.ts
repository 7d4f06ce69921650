// Pages of orders, newest first (ids come from a sequence): keyset pagination, and for every filter statements of its own
// that read a page's worth of rows from one index.

import { decodeCursor, encodeCursor, MAX_PAGE } from '@holdfast/platform/graphql/pages';
import { parseOrderId } from '@holdfast/platform/ids';
import type { Queryable } from '@holdfast/platform/postgres/database';
import { bigint, integer, selectList, statement, textOf } from '@holdfast/platform/postgres/sql';
import type { OrderStatus } from '../domain/order-status.ts';
import { ORDER, type Order } from './order-row.ts';

export interface OrderPageQuery {
  readonly limit: number;
  /** The id after which the page begins. */
  readonly after?: number | undefined;
  /** Only this user's; everybody's without. */
  readonly userId?: number | undefined;
  readonly status?: OrderStatus | undefined;
}

const LIST = 'orders';
export const orderCursor = (order: Order): string => encodeCursor(LIST, [String(order.id)]);
/** The id after which a page begins. @throws {AppError} BAD_USER_INPUT when it is no cursor of a list of orders */
export const orderSortKey = (cursor: string): number | undefined =>
  parseOrderId(decodeCursor(LIST, 1, cursor)[0] ?? '');

/** One more than the longest page: with it as a constant PostgreSQL knows that few rows are wanted. */
const LONGEST = MAX_PAGE + 1;

const page = (name: string, where: string, order = 'id DESC') =>
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
 * The list of the orders that are alike in `columns`. By bounds instead of equality: after `status = $status` PostgreSQL may as
 * well walk the primary key and drop what has another status, which is nearly the whole table when the orders of that status
 * are few or old. The order (status, id) can be had from the index on it only.
 */
function listBy(name: string, columns: readonly string[], values: readonly string[]) {
  const row = (members: readonly string[]) => `(${members.join(', ')})`;
  const order = [...columns, 'id'].map((column) => `${column} DESC`).join(', ');
  const from = `${row(columns)} >= ${row(values)}`;
  return {
    first: page(name, `${from} AND ${row(columns)} <= ${row(values)}`, order),
    next: page(
      `${name}_after`,
      `${from} AND ${row([...columns, 'id'])} < ${row([...values, '$after::bigint'])}`,
      order,
    ),
  };
}

const everybodys = {
  first: page('orders_page_all', 'true'),
  next: page('orders_page_all_after', 'id < $after::bigint'),
};
const ofUser = listBy('orders_page', ['user_id'], ['$userId::int']);
const ofUserByStatus = listBy(
  'orders_page_status',
  ['user_id', 'status'],
  ['$userId::int', '$status::varchar'],
);
const everybodysByStatus = listBy('orders_page_all_status', ['status'], ['$status::varchar']);

/** At most `limit` orders (a page has no more than 101), newest first. */
export function selectOrderPage(
  db: Queryable,
  { limit, after, userId, status }: OrderPageQuery,
): Promise<Order[]> {
  const byUser = status === undefined ? ofUser : ofUserByStatus;
  const byNone = status === undefined ? everybodys : everybodysByStatus;
  const { first, next } = userId === undefined ? byNone : byUser;
  const selectPage = after === undefined ? first : next;
  return selectPage(db, { limit, after, userId, status });
}
