// Pages of orders, newest first (ids come from a sequence): keyset pagination, and for every filter statements of its own
// that read a page's worth of rows from one index.
import type { Queryable } from '@holdfast/platform/database';
import { parseOrderId } from '@holdfast/platform/ids';
import { decodeCursor, encodeCursor } from '@holdfast/platform/pages';
import { bigint, integer, selectList, statement, textOf } from '@holdfast/platform/sql';
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

const page = (name: string, where: string, order = 'id DESC') =>
  statement({
    name,
    text: `SELECT ${selectList(ORDER)} FROM orders.orders WHERE ${where} ORDER BY ${order} LIMIT $limit`,
    parameters: { limit: bigint },
    optional: { after: bigint, userId: integer, status: textOf<OrderStatus>() },
    row: ORDER,
  });

const everybodys = {
  first: page('orders_page_all', 'true'),
  next: page('orders_page_all_after', 'id < $after::bigint'),
};

const ofUser = {
  first: page('orders_page', 'user_id = $userId::int'),
  next: page('orders_page_after', 'user_id = $userId::int AND id < $after::bigint'),
};

const ofUserByStatus = {
  first: page('orders_page_status', 'user_id = $userId::int AND status = $status::varchar'),
  next: page(
    'orders_page_status_after',
    'user_id = $userId::int AND status = $status::varchar AND id < $after::bigint',
  ),
};

// Bounds instead of `status = $status`: after an equality PostgreSQL may as well walk the primary key and drop what has
// another status, which is nearly the whole table when the orders of that status are few or old. The order
// (status, id) can be had from the index on it only.
const everybodysByStatus = {
  first: page(
    'orders_page_all_status',
    'status BETWEEN $status::varchar AND $status::varchar',
    'status DESC, id DESC',
  ),
  next: page(
    'orders_page_all_status_after',
    'status >= $status::varchar AND (status, id) < ($status::varchar, $after::bigint)',
    'status DESC, id DESC',
  ),
};

/** At most `limit` orders, newest first. */
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
