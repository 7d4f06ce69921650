// The problems of products: members of result unions that say why a request had another outcome than the requested one.
import type { Problem } from '@holdfast/platform/graphql/result-unions';
import { came } from '@holdfast/platform/validation';
import type { Product } from '../data/product-row.ts';
import type * as graph from '../generated/graphql.ts';
import { countConflict } from '../metrics.ts';

export type ProductNotFound = Problem<graph.ProductNotFound, 'PRODUCT_NOT_FOUND'>;
export type VersionConflict = Problem<graph.VersionConflict, 'VERSION_CONFLICT', Product>;
export type OutOfStock = Problem<graph.OutOfStock, 'OUT_OF_STOCK'>;

export const productNotFound = (id: string): ProductNotFound => ({
  __typename: 'ProductNotFound',
  code: 'PRODUCT_NOT_FOUND',
  message: `There is no product ${came(id)}.`,
});

/** Also counts the conflict, so call it only for an answer to a caller. */
export function versionConflict(expectedVersion: number, current: Product): VersionConflict {
  countConflict();
  return {
    __typename: 'VersionConflict',
    code: 'VERSION_CONFLICT',
    message: `The product was changed in the meantime: its version is ${current.version}, the request expected ${expectedVersion}.`,
    currentVersion: current.version,
    current,
  };
}

export const outOfStock = (units: number, available: number): OutOfStock => ({
  __typename: 'OutOfStock',
  code: 'OUT_OF_STOCK',
  message: `${units} units cannot be removed from the stock: it has ${available}.`,
  available,
});
