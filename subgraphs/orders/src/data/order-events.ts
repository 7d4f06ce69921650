// The history of orders: append-only lines, each written by the statement that changes the status.
import type { OrderEvent as OrderEventModel } from '@holdfast/database';
import { ActorRole } from '@holdfast/database/generated/enums';

import {
  arrayOf,
  bigint,
  type ColumnsOf,
  enumeration,
  integer,
  nullable,
  type RowOf,
  selectList,
  statement,
  text,
  textOf,
  timestamptz,
} from '@holdfast/platform/postgres/sql';
import type { OrderStatus } from '../domain/order-status.ts';

export const ORDER_EVENT = {
  orderId: bigint,
  version: integer,
  status: textOf<OrderStatus>(),
  actorId: nullable(integer),
  actorRole: nullable(enumeration('orders.actor_role', ActorRole)),
  reason: nullable(text),
  createdAt: timestamptz,
} satisfies ColumnsOf<OrderEventModel, { status: OrderStatus }>;
export type OrderEvent = RowOf<typeof ORDER_EVENT>;

/** The events of all of the orders, oldest first for each order. */
export const selectHistories = statement({
  name: 'order_events_by_orders',
  text: `SELECT ${selectList(ORDER_EVENT)} FROM orders.order_events
    WHERE order_id = ANY($orderIds::bigint[]) ORDER BY order_id, version`,
  parameters: { orderIds: arrayOf(bigint) },
  row: ORDER_EVENT,
});
