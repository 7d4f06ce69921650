// Pages of orders, newest first (ids are UUIDv7): keyset pagination, and for every filter statements of its own that
// read a page's worth of rows from one index.
import type { OrderStatus } from '@holdfast/database';
import { type Queryable, statement } from '@holdfast/platform/database';
import { decodeCursor, encodeCursor } from '@holdfast/platform/pages';
import { ORDER_COLUMNS, type Order } from './order-row.ts';

export interface OrderPageQuery {
  readonly limit: number;
  /** The id after which the page begins. */
  readonly after?: string | undefined;
  /** Only this user's; everybody's without. */
  readonly userId?: string | undefined;
  readonly status?: OrderStatus | undefined;
}

const LIST = 'orders';
export const orderCursor = (order: Order): string => encodeCursor(LIST, [order.id]);
/** The id after which a page begins. @throws {AppError} BAD_USER_INPUT when it is no cursor of a list of orders */
export const orderSortKey = (cursor: string): string | undefined => decodeCursor(LIST, 1, cursor)[0];

const page = (name: string, where: string, order = 'id DESC') =>
  statement<[limit: number, ...rest: string[]], Order>(
    name,
    `SELECT ${ORDER_COLUMNS} FROM orders.orders WHERE ${where} ORDER BY ${order} LIMIT $1`,
  );

const everybodys = {
  first: page('orders_page_all', 'true'),
  next: page('orders_page_all_after', 'id < $2::uuid'),
};

const ofUser = {
  first: page('orders_page', 'user_id = $2'),
  next: page('orders_page_after', 'user_id = $2 AND id < $3::uuid'),
};

const ofUserByStatus = {
  first: page('orders_page_status', 'user_id = $2 AND status = $3::orders.order_status'),
  next: page(
    'orders_page_status_after',
    'user_id = $2 AND status = $3::orders.order_status AND id < $4::uuid',
  ),
};

// Bounds instead of `status = $2`: after an equality PostgreSQL may as well walk the primary key and drop what has
// another status, which is nearly the whole table when the orders of that status are few or old. The order
// (status, id) can be had from the index on it only.
const everybodysByStatus = {
  first: page('orders_page_all_status', 'status BETWEEN $2 AND $2', 'status DESC, id DESC'),
  next: page(
    'orders_page_all_status_after',
    'status >= $2 AND (status, id) < ($2::orders.order_status, $3::uuid)',
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
  const filters = [userId, status].filter((value) => value !== undefined);
  return after === undefined ? first(db, limit, ...filters) : next(db, limit, ...filters, after);
}
