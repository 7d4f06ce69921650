// Shipping and delivering: a compare-and-swap on the order's version, for staff.
import type { OrderStatus } from '@holdfast/database';
import { badInput } from '@holdfast/platform/errors';
import { isId } from '@holdfast/platform/pages';
import { came } from '@holdfast/platform/validation';
import type { Order, OrderStep, OrderTable } from '../data/orders.ts';
import {
  type OrderNotAdvanceable,
  type OrderNotFound,
  type OrderVersionConflict,
  orderNotFound,
  orderVersionConflict,
} from './problems.ts';

export type Advanced = Order | OrderVersionConflict | OrderNotAdvanceable | OrderNotFound;

const STEPS: readonly OrderStep[] = [
  { from: 'CONFIRMED', to: 'SHIPPED' },
  { from: 'SHIPPED', to: 'DELIVERED' },
];

/**
 * Gives the order `id` the status if that is its next one and it is at `expectedVersion`; otherwise says why not.
 * @throws {AppError} BAD_USER_INPUT when staff cannot give that status to any order
 */
export async function advanceOrder(
  orders: OrderTable,
  id: string,
  expectedVersion: number,
  status: OrderStatus,
): Promise<Advanced> {
  const step = STEPS.find(({ to }) => to === status);
  if (!step)
    throw badInput('status', `expected ${STEPS.map(({ to }) => to).join(' or ')}, got ${came(status)}`);
  if (!isId(id)) return orderNotFound(id);
  const advanced = await orders.advance(id, expectedVersion, step);
  if (advanced) return advanced;
  const [current] = await orders.byIds([id]);
  if (!current) return orderNotFound(id);
  if (current.version !== expectedVersion) return orderVersionConflict(expectedVersion, current);
  // It has come to that version since the write was refused. Versions only grow, so that happens once.
  if (current.status === step.from) return advanceOrder(orders, id, expectedVersion, status);
  return {
    __typename: 'OrderNotAdvanceable',
    code: 'ORDER_NOT_ADVANCEABLE',
    message: `Only a ${step.from} order can become ${step.to}; this one is ${current.status}.`,
    current,
  };
}
