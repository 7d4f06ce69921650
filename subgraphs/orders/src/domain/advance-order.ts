// Shipping and delivering: a compare-and-swap on the order's version, for staff.
import { badInput } from '@holdfast/platform/errors';
import { parseOrderId } from '@holdfast/platform/ids';
import { allHandled, came } from '@holdfast/platform/validation';
import type { Actor, Order, OrderTable } from '../data/orders.ts';
import type { MutationAdvanceOrderArgs } from '../generated/graphql.ts';
import { ADVANCES, statusesBefore } from './order-status.ts';
import {
  type OrderNotAdvanceable,
  type OrderNotFound,
  type OrderVersionConflict,
  orderNotFound,
  orderVersionConflict,
} from './problems.ts';

export type Advanced = Order | OrderVersionConflict | OrderNotAdvanceable | OrderNotFound;

/**
 * Gives the order the status if that is its next one and it is at `expectedVersion`; otherwise says why not.
 * @throws {AppError} BAD_USER_INPUT when that status is no step on an order's way to its customer
 */
export async function advanceOrder(
  orders: OrderTable,
  actor: Actor,
  change: MutationAdvanceOrderArgs,
): Promise<Advanced> {
  const { id: given, expectedVersion, status, ...rest } = change;
  allHandled(rest);
  const id = parseOrderId(given);
  if (id === undefined) return orderNotFound(given);
  const to = ADVANCES.find((target) => target === status);
  if (!to) throw badInput('status', `expected ${ADVANCES.join(' or ')}, got ${came(status)}`);
  const advanced = await orders.advance(id, expectedVersion, actor, to);
  if (advanced) return advanced;
  const [current] = await orders.byIds([id]);
  if (!current) return orderNotFound(given);
  if (current.version !== expectedVersion) return orderVersionConflict(expectedVersion, current);
  const before = statusesBefore('staff', to);
  // It has come to that version since the write was refused. Versions only grow, so that happens once.
  if (before.includes(current.status)) return advanceOrder(orders, actor, change);
  return {
    __typename: 'OrderNotAdvanceable',
    code: 'ORDER_NOT_ADVANCEABLE',
    message: `Only a ${before.join(' or ')} order can become ${to}; this one is ${current.status}.`,
    current,
  };
}
