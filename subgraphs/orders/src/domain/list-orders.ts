// Lists of orders, newest first, a page at a time: the orders of one user, or of all users.

import { type Connection, pageSize, toConnection } from '@holdfast/platform/graphql/pages';
import { parseId } from '@holdfast/platform/ids';
import { allHandled } from '@holdfast/platform/validation';
import { type OrderPageQuery, orderCursor, orderSortKey } from '../data/order-pages.ts';
import type { Order, OrderStore } from '../data/orders.ts';
import type { QueryAllOrdersArgs, QueryOrdersArgs, UserOrdersArgs } from '../generated/graphql.ts';

/** The arguments of all lists of orders together, so that `allHandled` also sees an argument that only one list has. */
type OrderListQuery = QueryOrdersArgs & UserOrdersArgs & Omit<QueryAllOrdersArgs, 'userId'>;

/** Both reject with {AppError} BAD_USER_INPUT that names the argument which breaks a rule. */
export interface OrderLists {
  readonly listOrders: (query: OrderListQuery, userId: number) => Promise<Connection<Order>>;
  /** The orders of all users, or of `userId` if given. A text that is no id gives an empty page. */
  readonly listAllOrders: (query: QueryAllOrdersArgs) => Promise<Connection<Order>>;
}

export function createOrderLists(orders: Pick<OrderStore, 'page'>): OrderLists {
  const listOrders: OrderLists['listOrders'] = (query, userId) =>
    readPage(query, (page) => orders.page({ ...page, userId }));
  return {
    listOrders,
    listAllOrders: ({ userId, ...query }) => {
      if (userId == null) return readPage(query, orders.page);
      const id = parseId(userId);
      return id === undefined ? readPage(query, async () => []) : listOrders(query, id);
    },
  };
}

async function readPage(
  { first, after, status, ...rest }: OrderListQuery,
  read: (page: Omit<OrderPageQuery, 'userId'>) => Promise<Order[]>,
): Promise<Connection<Order>> {
  allHandled(rest);
  const size = pageSize(first);
  const rows = await read({
    limit: size + 1,
    after: after == null ? undefined : orderSortKey(after),
    status: status ?? undefined,
  });
  return toConnection(rows, size, after, orderCursor);
}
