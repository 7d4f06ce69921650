// The foreseeable outcomes of an order that are not the one asked for.
import type { Order } from '../data/orders.ts';
import type * as graph from '../generated/graphql.ts';
import { countConflict } from '../metrics.ts';

/** A problem as the schema has it, with each of its fields. Its order is a row. */
type Problem<Type, Code extends string> = {
  readonly [Field in keyof Type]-?: Field extends 'code'
    ? Code
    : Field extends 'current'
      ? Order
      : Type[Field];
};

export type OutOfStock = Problem<graph.OutOfStock, 'OUT_OF_STOCK'>;
export type PurchaseLimitReached = Problem<graph.PurchaseLimitReached, 'PURCHASE_LIMIT'>;
export type ProductNotFound = Problem<graph.ProductNotFound, 'PRODUCT_NOT_FOUND'>;
export type OrderNotFound = Problem<graph.OrderNotFound, 'ORDER_NOT_FOUND'>;
export type OrderNotCancellable = Problem<graph.OrderNotCancellable, 'ORDER_NOT_CANCELLABLE'>;
export type OrderNotAdvanceable = Problem<graph.OrderNotAdvanceable, 'ORDER_NOT_ADVANCEABLE'>;
export type OrderVersionConflict = Problem<graph.OrderVersionConflict, 'VERSION_CONFLICT'>;

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
