// Lists of orders, newest first, a page at a time: a user's own, or everybody's.
import type { OrderStatus } from '@holdfast/database';
import { type Connection, isId, pageSize, toConnection } from '@holdfast/platform/pages';
import { orderCursor, orderSortKey } from '../data/order-pages.ts';
import type { Order, OrderTable } from '../data/orders.ts';

export interface OrderListQuery {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly status?: OrderStatus | null | undefined;
}

/** @throws {AppError} BAD_USER_INPUT naming the argument that breaks a rule */
export const listOrders = (
  orders: OrderTable,
  userId: string,
  query: OrderListQuery,
): Promise<Connection<Order>> => listAllOrders(orders, { ...query, userId });

/** Every user's, or those of `userId` when it is given. @throws {AppError} as `listOrders` */
export async function listAllOrders(
  orders: OrderTable,
  { first, after, status, userId }: OrderListQuery & { readonly userId?: string | null | undefined },
): Promise<Connection<Order>> {
  const size = pageSize(first);
  const query = {
    limit: size + 1,
    after: after == null ? undefined : orderSortKey(after),
    status: status ?? undefined,
    userId: userId ?? undefined,
  };
  // What can be nobody's id has no orders.
  const rows = query.userId === undefined || isId(query.userId) ? await orders.page(query) : [];
  return toConnection(rows, size, after, orderCursor);
}
