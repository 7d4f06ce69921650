// Lists of orders, newest first, a page at a time: a user's own, or everybody's.

import { type Connection, pageSize, toConnection } from '@holdfast/platform/graphql/pages';
import { parseId } from '@holdfast/platform/ids';
import { allHandled } from '@holdfast/platform/validation';
import { type OrderPageQuery, orderCursor, orderSortKey } from '../data/order-pages.ts';
import type { Order, OrderTable } from '../data/orders.ts';
import type { QueryAllOrdersArgs, QueryOrdersArgs, UserOrdersArgs } from '../generated/graphql.ts';

/** The arguments of every list of orders, so that one which only some of them have is handled as well. */
export type OrderListQuery = QueryOrdersArgs & UserOrdersArgs & Omit<QueryAllOrdersArgs, 'userId'>;

type Page = Connection<Order>;

/** @throws {AppError} BAD_USER_INPUT naming the argument that breaks a rule */
export function listOrders(orders: OrderTable, userId: number, query: OrderListQuery): Promise<Page> {
  return pageOf(query, (page) => orders.page({ ...page, userId }));
}

/** Every user's, or those of `userId` when it is given; a text that is no id gives an empty page. @throws as `listOrders` */
export function listAllOrders(orders: OrderTable, { userId, ...query }: QueryAllOrdersArgs): Promise<Page> {
  if (userId == null) return pageOf(query, (page) => orders.page(page));
  const id = parseId(userId);
  return id === undefined ? pageOf(query, async () => []) : listOrders(orders, id, query);
}

async function pageOf(
  { first, after, status, ...rest }: OrderListQuery,
  read: (page: Omit<OrderPageQuery, 'userId'>) => Promise<Order[]>,
): Promise<Page> {
  allHandled(rest);
  const size = pageSize(first);
  const rows = await read({
    limit: size + 1,
    after: after == null ? undefined : orderSortKey(after),
    status: status ?? undefined,
  });
  return toConnection(rows, size, after, orderCursor);
}
