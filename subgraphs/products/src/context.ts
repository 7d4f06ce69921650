// What the resolvers of one request share.

import type { SecurityLog } from '@holdfast/platform/auth/security-events';
import type { RequestContext } from '@holdfast/platform/graphql/server';
import type DataLoader from 'dataloader';
import type { Product } from './data/product-row.ts';
import type { ProductTable } from './data/products.ts';
import type { Catalog } from './domain/catalog.ts';

/** Reads products by id, archived ones included, for one request: a batch is one statement. */
export type ReadProducts = (ids: readonly number[]) => Promise<readonly (Product | null)[]>;

export interface Context extends RequestContext {
  readonly catalog: Catalog;
  readonly readProducts: ReadProducts;
  /** The same, for resolvers that ask for one at a time. */
  readonly products: DataLoader<number, Product | null>;
  readonly catalogWriters: 'everyone' | 'staff';
  /** Lists, from a replica for those who may read there. */
  readonly lists: Pick<ProductTable, 'page'>;
  readonly record: SecurityLog;
}

/** Reads that give the products in the order of their ids, and null where there is none; they end when `caller` is gone. */
export function createReadProducts(byIds: ProductTable['byIds'], caller: AbortSignal): ReadProducts {
  return async (ids) => {
    if (ids.length === 0) return [];
    const rows = new Map((await byIds(ids, caller)).map((product) => [product.id, product]));
    return ids.map((id) => rows.get(id) ?? null);
  };
}
