// What the resolvers of one request share.
import type { RequestContext } from '@holdfast/platform/graphql';
import DataLoader from 'dataloader';
import type { Product } from './data/product-row.ts';
import type { ProductTable } from './data/products.ts';
import type { Catalogue } from './domain/catalogue.ts';

export interface Context extends RequestContext {
  readonly catalogue: Catalogue;
  /** By id, archived ones included; a batch is one statement. */
  readonly products: DataLoader<number, Product | null>;
  readonly catalogWriters: 'everyone' | 'staff';
  readonly table: ProductTable;
}

/** Loads products by id, at once those that are asked for in the same turn; a read ends when its `caller` is gone. */
export function createProductLoader(
  byIds: ProductTable['byIds'],
  caller: AbortSignal,
): DataLoader<number, Product | null> {
  return new DataLoader(async (ids) => {
    const rows = new Map((await byIds(ids, caller)).map((product) => [product.id, product]));
    return ids.map((id) => rows.get(id) ?? null);
  });
}
