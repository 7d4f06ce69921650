// What the resolvers of one request share.

import type { SecurityLog } from '@holdfast/platform/auth/security-events';
import type { User, Viewer } from '@holdfast/platform/auth/viewer';
import type { RequestContext } from '@holdfast/platform/graphql/server';
import DataLoader from 'dataloader';
import type { OrderEvent } from './data/order-events.ts';
import type { Order, OrderTable } from './data/orders.ts';
import type { PlaceOrder } from './domain/place-order.ts';

/** An entity that another subgraph knows more of. */
export interface EntityKey {
  readonly id: number;
}

export interface Context extends RequestContext {
  readonly orders: OrderTable;
  readonly placeOrder: PlaceOrder;
  /** By id, whoever's it is: ask `maySee` before showing one. */
  readonly orderById: DataLoader<number, Order | null>;
  readonly historyOf: DataLoader<number, OrderEvent[]>;
  readonly record: SecurityLog;
  /** Who may place orders. @throws {AppError} as `requireUser`; FORBIDDEN */
  readonly requireBuyer: (viewer: Viewer) => User;
}

export function createOrderLoader(orders: OrderTable): DataLoader<number, Order | null> {
  return new DataLoader(async (ids) => {
    const rows = new Map((await orders.byIds(ids)).map((order) => [order.id, order]));
    return ids.map((id) => rows.get(id) ?? null);
  });
}

export function createHistoryLoader(
  readHistories: (orderIds: readonly number[]) => Promise<OrderEvent[]>,
): DataLoader<number, OrderEvent[]> {
  return new DataLoader(async (ids) => {
    const histories = new Map(ids.map((id): [number, OrderEvent[]] => [id, []]));
    for (const event of await readHistories(ids)) histories.get(event.orderId)?.push(event);
    return ids.map((id) => histories.get(id) ?? []);
  });
}
