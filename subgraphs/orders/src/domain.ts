// Wires the stores of data/ into the functions of domain/, which are all that the resolvers call.
import type { SecurityLog } from '@holdfast/platform/auth/security-events';
import type { OrderEvent } from './data/order-events.ts';
import type { Order, OrderStore } from './data/orders.ts';
import type { Prices } from './data/prices.ts';
import type { Settlements } from './data/settlements.ts';
import { type AdvanceOrder, createAdvanceOrder } from './domain/advance-order.ts';
import { type CancelOrder, createCancelOrder } from './domain/cancel-order.ts';
import { createOrderLists, type OrderLists } from './domain/list-orders.ts';
import { createPlaceOrder, type PlaceOrder } from './domain/place-order.ts';

export type { Order, OrderEvent };

/** Lives as long as the service. */
export interface Domain extends OrderLists {
  readonly placeOrder: PlaceOrder;
  readonly cancelOrder: CancelOrder;
  readonly advanceOrder: AdvanceOrder;
  /** Orders of any customer, in the order of `ids`, null where there is none. Check `maySee` before you show one. */
  readonly readOrders: (ids: readonly number[]) => Promise<(Order | null)[]>;
  /** The history of each order, oldest event first. */
  readonly readHistories: (orderIds: readonly number[]) => Promise<OrderEvent[][]>;
}

export interface DomainParts {
  readonly orders: OrderStore;
  readonly prices: Prices;
  readonly settlements: Settlements;
  readonly isKeyRequired: boolean;
  readonly record: SecurityLog;
}

export const createDomain = ({
  orders,
  prices,
  settlements,
  isKeyRequired,
  record,
}: DomainParts): Domain => ({
  ...createOrderLists(orders),
  placeOrder: createPlaceOrder({ orders, prices, settlements, isKeyRequired }),
  cancelOrder: createCancelOrder({ orders, record }),
  advanceOrder: createAdvanceOrder(orders),
  readOrders: orders.byIds,
  readHistories: orders.histories,
});
