// Cancelling: a compare-and-swap on the order's version, which sends the units back to the stock. Customers cancel what is
// their own; staff cancel any order, and say why.

import type { Origin, SecurityLog } from '@holdfast/platform/auth/security-events';
import { parseOrderId } from '@holdfast/platform/ids';
import { allHandled, check, type InvalidInput } from '@holdfast/platform/validation';
import type { Actor, Order, OrderTable } from '../data/orders.ts';
import type { MutationCancelOrderArgs } from '../generated/graphql.ts';
import { statusesBefore } from './order-status.ts';
import {
  type OrderNotCancellable,
  type OrderNotFound,
  type OrderVersionConflict,
  orderNotFound,
  orderVersionConflict,
} from './problems.ts';
import { cancellationRules } from './rules.ts';

export type Cancelled = Order | OrderVersionConflict | OrderNotCancellable | OrderNotFound | InvalidInput;

/** Who cancels, from where, and where it is recorded that staff did. */
export interface Cancellation {
  readonly actor: Actor;
  readonly origin: Origin;
  readonly record: SecurityLog;
}

/** Cancels the order if its status allows it and it is at `expectedVersion`; otherwise says why not. */
export async function cancelOrder(
  orders: OrderTable,
  { actor, origin, record }: Cancellation,
  { id: given, expectedVersion, reason = null, ...rest }: MutationCancelOrderArgs,
): Promise<Cancelled> {
  allHandled(rest);
  const checked = check(cancellationRules[actor.role], { reason });
  if (!checked.ok) return checked.invalid;
  const id = parseOrderId(given);
  if (id === undefined) return orderNotFound(given);
  const outcome = await swap(orders, actor, id, expectedVersion, checked.value.reason);
  if (actor.role === 'STAFF' && !('__typename' in outcome)) {
    const { userId, version } = outcome;
    record('order.cancelled_by_staff', {
      actor,
      subject: `order ${id}`,
      origin,
      details: { customer: userId, version },
    });
  }
  return outcome;
}

async function swap(
  orders: OrderTable,
  actor: Actor,
  id: number,
  expectedVersion: number,
  reason: string | null,
): Promise<Exclude<Cancelled, InvalidInput>> {
  const cancelled = await orders.cancel(id, expectedVersion, actor, reason);
  if (cancelled) return cancelled;
  const [current] = await orders.byIds([id]);
  if (!current || (actor.role !== 'STAFF' && current.userId !== actor.id)) return orderNotFound(String(id));
  if (current.version !== expectedVersion) return orderVersionConflict(expectedVersion, current);
  const cancellable = statusesBefore(actor.role === 'STAFF' ? 'staff' : 'customer', 'CANCELLED');
  // It has come to that version since the write was refused. Versions only grow, so that happens once.
  if (cancellable.includes(current.status)) return swap(orders, actor, id, expectedVersion, reason);
  return {
    __typename: 'OrderNotCancellable',
    code: 'ORDER_NOT_CANCELLABLE',
    message: `Only a ${cancellable.join(' or ')} order can be cancelled; this one is ${current.status}.`,
    current,
  };
}
