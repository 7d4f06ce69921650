// The table `products.products`, read through the cache and written around its fences.
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

/** What the domain asks of the table. Pages show no archived products. A read ends when its `caller` is gone. */
export interface ProductTable {
  byIds(ids: readonly number[], caller?: AbortSignal): Promise<Product[]>;
  /** As PostgreSQL has them at this moment, past the cache: for what decides something. Archived ones included. */
  stored(ids: readonly number[], caller?: AbortSignal): Promise<Product[]>;
  page(query: ProductPageQuery, caller: AbortSignal): Promise<Product[]>;
  /** Undefined when the key was used before. */
  insert(product: NewProduct, idempotency: Idempotency | undefined): Promise<Product | undefined>;
  /** What was done under the user's key, from the database and not from the cache. */
  byKey(userId: number, key: string): Promise<KeyUse | undefined>;
  /** The product, by the guard of `update` and past the cache; undefined when the guard did not hold. */
  unchanged(id: number, expectedVersion: number, exact: boolean): Promise<Product | undefined>;
  /** With the price that was replaced. Undefined when the guard did not hold: no such product, or another version. */
  update(
    id: number,
    expectedVersion: number,
    exact: boolean,
    change: ProductChange,
  ): Promise<{ readonly product: Product; readonly priceBefore: string } | undefined>;
  /** Undefined when the guard did not hold. */
  archive(id: number, expectedVersion: number): Promise<Product | undefined>;
  /** Undefined when there is no such product, the stock would go below 0 or be raised above `maxStock`, or the key was used before. */
  adjustStock(
    id: number,
    delta: number,
    maxStock: number,
    idempotency: Idempotency | undefined,
  ): Promise<Product | undefined>;
}

/** The hash of the first request that came with a key, and the product as it is now. */
export interface KeyUse {
  readonly requestHash: Buffer;
  readonly product: Product;
}

/**
 * The table over `writes`, read through `cache` (what that lacks by `reads`) and written around its fences.
 * @param decisions reads what decides something, over connections that lists and searches do not take
 */
export function createProductTable(
  writes: pg.Pool,
  cache: ProductCache,
  reads: Reads,
  decisions: Reads = reads,
): ProductTable {
  const stored: ProductTable['stored'] = (ids, caller = new AbortController().signal) =>
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
      if (next === undefined) throw new Error('the sequence of ids gave none');
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
