// A user's orders, newest first, a page at a time.
import type { OrderStatus } from '@holdfast/database';
import { type Connection, pageSize, toConnection } from '@holdfast/platform/pages';
import { type Order, type OrderTable, orderCursor, orderSortKey } from '../data/orders.js';

export interface OrderListQuery {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly status?: OrderStatus | null | undefined;
}

/** @throws {AppError} BAD_USER_INPUT naming the argument that breaks a rule */
export async function listOrders(
  orders: OrderTable,
  userId: string,
  { first, after, status }: OrderListQuery,
): Promise<Connection<Order>> {
  const size = pageSize(first);
  const rows = await orders.page(
    userId,
    size + 1,
    after == null ? undefined : orderSortKey(after),
    status ?? undefined,
  );
  return toConnection(rows, size, after, orderCursor);
}
