// Cancelling: a compare-and-swap on the order's version, which sends the units back to the stock.
import { parseOrderId } from '@holdfast/platform/ids';
import { allHandled } from '@holdfast/platform/validation';
import type { Order, OrderTable } from '../data/orders.ts';
import type { MutationCancelOrderArgs } from '../generated/graphql.ts';
import { statusesBefore } from './order-status.ts';
import {
  type OrderNotCancellable,
  type OrderNotFound,
  type OrderVersionConflict,
  orderNotFound,
  orderVersionConflict,
} from './problems.ts';

export type Cancelled = Order | OrderVersionConflict | OrderNotCancellable | OrderNotFound;

const CANCELLABLE = statusesBefore('customer', 'CANCELLED');

/** Cancels the user's own order if its status allows it and it is at `expectedVersion`; otherwise says why not. */
export async function cancelOrder(
  orders: OrderTable,
  userId: number,
  change: MutationCancelOrderArgs,
): Promise<Cancelled> {
  const { id: given, expectedVersion, ...rest } = change;
  allHandled(rest);
  const id = parseOrderId(given);
  if (id === undefined) return orderNotFound(given);
  const cancelled = await orders.cancel(id, userId, expectedVersion);
  if (cancelled) return cancelled;
  const [current] = await orders.byIds([id]);
  if (current?.userId !== userId) return orderNotFound(given);
  if (current.version !== expectedVersion) return orderVersionConflict(expectedVersion, current);
  // It has come to that version since the write was refused. Versions only grow, so that happens once.
  if (CANCELLABLE.includes(current.status)) return cancelOrder(orders, userId, change);
  return {
    __typename: 'OrderNotCancellable',
    code: 'ORDER_NOT_CANCELLABLE',
    message: `Only a ${CANCELLABLE.join(' or ')} order can be cancelled; this one is ${current.status}.`,
    current,
  };
}
