// The foreseeable outcomes of an order that are not the one asked for.
import type { Order } from '../data/orders.ts';
import { countConflict } from '../metrics.ts';

interface Problem<Name extends string, Code extends string> {
  readonly __typename: Name;
  readonly code: Code;
  readonly message: string;
}

export type OutOfStock = Problem<'OutOfStock', 'OUT_OF_STOCK'> & { readonly available: number };
export type ProductNotFound = Problem<'ProductNotFound', 'PRODUCT_NOT_FOUND'>;
export type OrderNotFound = Problem<'OrderNotFound', 'ORDER_NOT_FOUND'>;
export type OrderNotCancellable = Problem<'OrderNotCancellable', 'ORDER_NOT_CANCELLABLE'> & {
  readonly current: Order;
};
export type OrderNotAdvanceable = Problem<'OrderNotAdvanceable', 'ORDER_NOT_ADVANCEABLE'> & {
  readonly current: Order;
};
export type OrderVersionConflict = Problem<'OrderVersionConflict', 'VERSION_CONFLICT'> & {
  readonly currentVersion: number;
  readonly current: Order;
};

export const orderNotFound = (id: string): OrderNotFound => ({
  __typename: 'OrderNotFound',
  code: 'ORDER_NOT_FOUND',
  message: `There is no order ${JSON.stringify(id.slice(0, 64))}.`,
});

/** Counted: who makes one of these tells a caller that it came too late. */
export function orderVersionConflict(expectedVersion: number, current: Order): OrderVersionConflict {
  countConflict();
  return {
    __typename: 'OrderVersionConflict',
    code: 'VERSION_CONFLICT',
    message: `Version ${expectedVersion} was expected; the order is at version ${current.version} by now.`,
    currentVersion: current.version,
    current,
  };
}
