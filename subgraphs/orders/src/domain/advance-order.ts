// Shipping and delivering an order: a compare-and-swap on its version, for staff.
import { badInput } from '@holdfast/platform/errors';
import { parseOrderId } from '@holdfast/platform/ids';
import { allHandled, came } from '@holdfast/platform/validation';
import type { Actor, Order, OrderStore } from '../data/orders.ts';
import type { MutationAdvanceOrderArgs } from '../generated/graphql.ts';
import { ADVANCES, statusesBefore } from './order-status.ts';
import {
  type OrderNotAdvanceable,
  type OrderNotFound,
  type OrderVersionConflict,
  orderNotAdvanceable,
  orderNotFound,
  orderVersionConflict,
} from './problems.ts';

/**
 * Gives the order the status if that is its next one and the order is at `expectedVersion`; otherwise says why not.
 * @throws {AppError} BAD_USER_INPUT when the status is neither SHIPPED nor DELIVERED
 */
export type AdvanceOrder = (
  change: MutationAdvanceOrderArgs,
  actor: Actor,
) => Promise<Order | OrderVersionConflict | OrderNotAdvanceable | OrderNotFound>;

export const createAdvanceOrder = (orders: OrderStore): AdvanceOrder =>
  async function advanceOrder(change, actor) {
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
    // The order reached this version after the write was refused. Versions only grow, so this happens at most once.
    if (statusesBefore('staff', to).includes(current.status)) return advanceOrder(change, actor);
    return orderNotAdvanceable(to, current);
  };
