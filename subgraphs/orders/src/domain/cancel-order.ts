// Cancelling: a compare-and-swap on the order's version, which sends the units back to the stock.
import { isId } from '@holdfast/platform/pages';
import type { Order, OrderTable } from '../data/orders.js';
import { countConflict } from '../metrics.js';
import type { OrderNotCancellable, OrderNotFound, OrderVersionConflict } from './problems.js';

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
  if (current?.userId !== userId) {
    return {
      __typename: 'OrderNotFound',
      code: 'ORDER_NOT_FOUND',
      message: `There is no order ${JSON.stringify(id.slice(0, 64))}.`,
    };
  }
  if (current.version !== expectedVersion) {
    countConflict();
    return {
      __typename: 'OrderVersionConflict',
      code: 'VERSION_CONFLICT',
      message: `Version ${expectedVersion} was expected; the order is at version ${current.version} by now.`,
      currentVersion: current.version,
      current,
    };
  }
  return {
    __typename: 'OrderNotCancellable',
    code: 'ORDER_NOT_CANCELLABLE',
    message: `Only a CONFIRMED order can be cancelled; this one is ${current.status}.`,
    current,
  };
}
