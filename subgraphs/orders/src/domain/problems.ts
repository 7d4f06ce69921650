// The problems of orders: members of result unions that say why a request had another outcome than the requested one.
import type { Problem } from '@holdfast/platform/graphql/result-unions';
import { came } from '@holdfast/platform/validation';
import type { Order } from '../data/orders.ts';
import type * as graph from '../generated/graphql.ts';
import { countConflict } from '../metrics.ts';
import { type Advance, type OrderStatus, statusesBefore } from './order-status.ts';

export type OutOfStock = Problem<graph.OutOfStock, 'OUT_OF_STOCK'>;
export type PurchaseLimitReached = Problem<graph.PurchaseLimitReached, 'PURCHASE_LIMIT'>;
export type ProductNotFound = Problem<graph.ProductNotFound, 'PRODUCT_NOT_FOUND'>;
export type OrderNotFound = Problem<graph.OrderNotFound, 'ORDER_NOT_FOUND'>;
export type OrderNotCancellable = Problem<graph.OrderNotCancellable, 'ORDER_NOT_CANCELLABLE', Order>;
export type OrderNotAdvanceable = Problem<graph.OrderNotAdvanceable, 'ORDER_NOT_ADVANCEABLE', Order>;
export type OrderVersionConflict = Problem<graph.OrderVersionConflict, 'VERSION_CONFLICT', Order>;

export const outOfStock = (quantity: number, available: number): OutOfStock => ({
  __typename: 'OutOfStock',
  code: 'OUT_OF_STOCK',
  message: `The order has ${quantity} units; ${available} were in stock.`,
  available,
});

export const purchaseLimitReached = (
  quantity: number,
  limit: number,
  held: number,
): PurchaseLimitReached => ({
  __typename: 'PurchaseLimitReached',
  code: 'PURCHASE_LIMIT',
  message:
    quantity > limit
      ? `The order has ${quantity} units; one order may have at most ${limit}.`
      : `The order has ${quantity} units and the customer's open orders have ${held} of this product; together at most ${limit} are allowed.`,
  limit,
  held,
});

export const productNotFound = (id: string): ProductNotFound => ({
  __typename: 'ProductNotFound',
  code: 'PRODUCT_NOT_FOUND',
  message: `There is no product ${came(id)}.`,
});

export const orderNotFound = (id: string): OrderNotFound => ({
  __typename: 'OrderNotFound',
  code: 'ORDER_NOT_FOUND',
  message: `There is no order ${came(id)}.`,
});

export const orderNotCancellable = (
  cancellable: readonly OrderStatus[],
  current: Order,
): OrderNotCancellable => ({
  __typename: 'OrderNotCancellable',
  code: 'ORDER_NOT_CANCELLABLE',
  message: `Only a ${cancellable.join(' or ')} order can be cancelled; this one is ${current.status}.`,
  current,
});

export const orderNotAdvanceable = (to: Advance, current: Order): OrderNotAdvanceable => ({
  __typename: 'OrderNotAdvanceable',
  code: 'ORDER_NOT_ADVANCEABLE',
  message: `Only a ${statusesBefore('staff', to).join(' or ')} order can become ${to}; this one is ${current.status}.`,
  current,
});

/** Also counts the conflict, so call it only for an answer to a caller. */
export function orderVersionConflict(expectedVersion: number, current: Order): OrderVersionConflict {
  countConflict();
  return {
    __typename: 'OrderVersionConflict',
    code: 'VERSION_CONFLICT',
    message: `The order was changed in the meantime: its version is ${current.version}, the request expected ${expectedVersion}.`,
    currentVersion: current.version,
    current,
  };
}
