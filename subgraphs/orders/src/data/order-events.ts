// The history of orders: append-only, written together with each change of status.
import type { OrderEvent as OrderEventModel } from '@holdfast/database';
import { type Queryable, type Statement, statement } from '@holdfast/platform/database';
import type { OrderStatus } from '../domain/order-status.ts';

export type OrderEvent = Omit<OrderEventModel, 'orderId' | 'status'> & {
  readonly orderId: number;
  readonly status: OrderStatus;
};

const selectHistories: Statement<[orderIds: number[]], OrderEvent> = statement(
  'order_events_by_orders',
  `SELECT order_id AS "orderId", version, status, created_at AS "createdAt" FROM orders.order_events
    WHERE order_id = ANY($1::bigint[]) ORDER BY order_id, version`,
);

/** Reads histories, oldest event first, in one statement for all of the orders. */
export const createHistoryReader =
  (db: Queryable) =>
  (orderIds: readonly number[]): Promise<OrderEvent[]> =>
    selectHistories(db, [...orderIds]);
