// Cancelling an order: a compare-and-swap on its version, which returns the units to the stock. Customers cancel their own
// orders; staff cancel any order and must give a reason.

import type { Origin, SecurityLog } from '@holdfast/platform/auth/security-events';
import { parseOrderId } from '@holdfast/platform/ids';
import { allHandled, check, type InvalidInput } from '@holdfast/platform/validation';
import type { Actor, Order, OrderStore } from '../data/orders.ts';
import type { MutationCancelOrderArgs } from '../generated/graphql.ts';
import { statusesBefore } from './order-status.ts';
import {
  type OrderNotCancellable,
  type OrderNotFound,
  type OrderVersionConflict,
  orderNotCancellable,
  orderNotFound,
  orderVersionConflict,
} from './problems.ts';
import { cancellationRules } from './rules.ts';

type Outcome = Order | OrderVersionConflict | OrderNotCancellable | OrderNotFound;

/** The user who cancels, and where the request came from. */
export interface CancelledBy {
  readonly actor: Actor;
  readonly origin: Origin;
}

/** Cancels the order if its status allows that and it is at `expectedVersion`; otherwise says why not. */
export type CancelOrder = (
  change: MutationCancelOrderArgs,
  by: CancelledBy,
) => Promise<Outcome | InvalidInput>;

export interface CancelOrderDependencies {
  readonly orders: OrderStore;
  /** Records that staff cancelled an order. */
  readonly record: SecurityLog;
}

export function createCancelOrder({ orders, record }: CancelOrderDependencies): CancelOrder {
  async function cancel(
    id: number,
    expectedVersion: number,
    actor: Actor,
    reason: string | null,
  ): Promise<Outcome> {
    const cancelled = await orders.cancel(id, expectedVersion, actor, reason);
    if (cancelled) return cancelled;
    const [current] = await orders.byIds([id]);
    if (!current || (actor.role !== 'STAFF' && current.userId !== actor.id)) return orderNotFound(String(id));
    if (current.version !== expectedVersion) return orderVersionConflict(expectedVersion, current);
    const cancellable = statusesBefore(actor.role === 'STAFF' ? 'staff' : 'customer', 'CANCELLED');
    // The order reached this version after the write was refused. Versions only grow, so this happens at most once.
    if (cancellable.includes(current.status)) return cancel(id, expectedVersion, actor, reason);
    return orderNotCancellable(cancellable, current);
  }

  return async ({ id: given, expectedVersion, reason = null, ...rest }, { actor, origin }) => {
    allHandled(rest);
    const checked = check(cancellationRules[actor.role], { reason });
    if (!checked.ok) return checked.invalid;
    const id = parseOrderId(given);
    if (id === undefined) return orderNotFound(given);
    const outcome = await cancel(id, expectedVersion, actor, checked.value.reason);
    if (actor.role === 'STAFF' && !('__typename' in outcome)) {
      const details = { customer: outcome.userId, version: outcome.version };
      record('order.cancelled_by_staff', { actor, subject: `order ${id}`, origin, details });
    }
    return outcome;
  };
}
