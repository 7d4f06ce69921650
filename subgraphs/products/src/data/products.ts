// The products in PostgreSQL: reads go through the cache, and writes set and end the fences of the cache.
import { keysOf } from '@holdfast/platform/graphql/fields';
import type { Reads } from '@holdfast/platform/postgres/reads';
import type pg from 'pg';
import { countListRead } from '../metrics.ts';
import type { ProductCache } from './cache/product-cache.ts';
import { type Idempotency, isKeyUsed, NO_KEY } from './idempotency-keys.ts';
import { type ProductPageQuery, pageKey, selectProductPage } from './product-pages.ts';
import type { NewProduct, Product, ProductChange } from './product-row.ts';
import {
  adjustOnce,
  archiveGuarded,
  insertOnce,
  nextId,
  selectByIds,
  selectByKey,
  selectGuarded,
  updateGuarded,
} from './product-statements.ts';

/** Pages have no archived products. A read ends when the signal `caller` is aborted. */
export interface ProductStore {
  /** Archived products included. */
  byIds(ids: readonly number[], caller?: AbortSignal): Promise<Product[]>;
  /** Reads PostgreSQL and not the cache, for decisions. Archived products included. */
  stored(ids: readonly number[], caller?: AbortSignal): Promise<Product[]>;
  page(query: ProductPageQuery, caller: AbortSignal): Promise<Product[]>;
  /** Undefined when the key was used before. */
  insert(product: NewProduct, idempotency: Idempotency | undefined): Promise<Product | undefined>;
  /** The use of the user's key, from PostgreSQL and not from the cache. */
  byKey(userId: number, key: string): Promise<KeyUse | undefined>;
  /** The product, with the guard of `update` and not from the cache; undefined when the guard refuses. */
  unchanged(id: number, expectedVersion: number, exact: boolean): Promise<Product | undefined>;
  /** Also returns the replaced price. Undefined when the guard refuses: there is no such product, or it has another version. */
  update(
    id: number,
    expectedVersion: number,
    exact: boolean,
    change: ProductChange,
  ): Promise<{ readonly product: Product; readonly priceBefore: string } | undefined>;
  /** Undefined when the guard refuses. */
  archive(id: number, expectedVersion: number): Promise<Product | undefined>;
  /** Undefined when there is no such product, when the stock would go below 0 or rise above `maxStock`, or when the key was used. */
  adjustStock(
    id: number,
    delta: number,
    maxStock: number,
    idempotency: Idempotency | undefined,
  ): Promise<Product | undefined>;
}

/** The hash of the first request with a key, and the product as it is now. */
export interface KeyUse {
  readonly requestHash: Buffer;
  readonly product: Product;
}

/**
 * The products of the database behind `writes`. `reads` reads what `cache` does not have.
 * @param decisions reads for decisions, over connections that lists and searches do not use
 */
export function createProductStore(
  writes: pg.Pool,
  cache: ProductCache,
  reads: Reads,
  decisions: Reads = reads,
): ProductStore {
  const stored: ProductStore['stored'] = (ids, caller = new AbortController().signal) =>
    selectByIds(decisions(caller), { ids });
  return {
    byIds: (ids, caller = new AbortController().signal) =>
      cache.byIds(ids, (absent) => selectByIds(reads(caller), { ids: absent })),
    stored,
    page: (query, caller) =>
      cache.page(pageKey(query), async () => {
        const products = await selectProductPage(reads(caller), query);
        countListRead('primary');
        return products;
      }),
    insert: async (product, idempotency) => {
      const [next] = await nextId(writes, {});
      if (next === undefined) throw new Error('the sequence returned no id');
      const row = { ...next, ...product, ...(idempotency ?? NO_KEY) };
      return (await cache.write([next.id], () => insertOnce(writes, row)))[0];
    },
    byKey: async (userId, key) => {
      const [use] = await selectByKey(writes, { userId, key });
      if (!use) return undefined;
      const { requestHash, ...product } = use;
      return { requestHash, product };
    },
    unchanged: async (id, expectedVersion, exact) =>
      (await selectGuarded(writes, { id, expectedVersion, exact }))[0],
    update: async (id, expectedVersion, exact, change) => {
      const { name = null, description = null, price = null, stock = null } = change;
      const changed = keysOf(change).filter((field) => change[field] !== undefined);
      const parameters = { id, expectedVersion, exact, changed, name, description, price, stock };
      let updated: { readonly product: Product; readonly priceBefore: string } | undefined;
      await cache.write([id], async () => {
        const [row] = await updateGuarded(writes, parameters);
        if (row === undefined) return [];
        const { priceBefore, ...product } = row;
        updated = { product, priceBefore };
        return [product];
      });
      return updated;
    },
    archive: async (id, expectedVersion) =>
      (await cache.write([id], () => archiveGuarded(writes, { id, expectedVersion })))[0],
    adjustStock: async (id, delta, maxStock, idempotency) => {
      const parameters = { id, delta, maxStock, ...(idempotency ?? NO_KEY) };
      const adjust = () =>
        adjustOnce(writes, parameters).catch((error: unknown) => {
          if (isKeyUsed(error)) return [];
          throw error;
        });
      return (await cache.write([id], adjust))[0];
    },
  };
}
