// Cancelling: a compare-and-swap on the order's version, which sends the units back to the stock.
import { isId } from '@holdfast/platform/pages';
import type { Order, OrderTable } from '../data/orders.ts';
import {
  type OrderNotCancellable,
  type OrderNotFound,
  type OrderVersionConflict,
  orderNotFound,
  orderVersionConflict,
} from './problems.ts';

export type Cancelled = Order | OrderVersionConflict | OrderNotCancellable | OrderNotFound;

/** Cancels the user's own order `id` if it is CONFIRMED and at `expectedVersion`; otherwise says why not. */
export async function cancelOrder(
  orders: OrderTable,
  id: string,
  expectedVersion: number,
  userId: string,
): Promise<Cancelled> {
  const cancelled = isId(id) ? await orders.cancel(id, userId, expectedVersion) : undefined;
  if (cancelled) return cancelled;
  const [current] = isId(id) ? await orders.byIds([id]) : [];
  if (current?.userId !== userId) return orderNotFound(id);
  if (current.version !== expectedVersion) return orderVersionConflict(expectedVersion, current);
  // It has come to that version since the write was refused. Versions only grow, so that happens once.
  if (current.status === 'CONFIRMED') return cancelOrder(orders, id, expectedVersion, userId);
  return {
    __typename: 'OrderNotCancellable',
    code: 'ORDER_NOT_CANCELLABLE',
    message: `Only a CONFIRMED order can be cancelled; this one is ${current.status}.`,
    current,
  };
}
