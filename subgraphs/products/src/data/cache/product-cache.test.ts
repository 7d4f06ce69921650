import { AppError, CallerGone } from '@holdfast/platform/errors';
import { describe, expect, it } from '@jest/globals';
import type { Product } from '../product-row.ts';
import { createMemoryStore } from './memory-store.ts';
import { createProductCache, type ProductCache } from './product-cache.ts';

const ID = 7;
const at = new Date();
const product = (version: number): Product => ({
  id: ID,
  name: 'Kettle',
  description: null,
  price: '19.99',
  stock: 5,
  version,
  contentVersion: 1,
  archivedAt: null,
  createdAt: at,
  updatedAt: at,
});

/** A cache before a "database" whose answers a test gives when it likes. */
function setUp(): {
  cache: ProductCache;
  queries: ((products: Product[]) => void)[];
  read: () => Promise<number | undefined>;
} {
  const cache = createProductCache(createMemoryStore(30_000, 1_000_000));
  const queries: ((products: Product[]) => void)[] = [];
  const load = () => new Promise<Product[]>((resolve) => queries.push(resolve));
  return { cache, queries, read: async () => (await cache.byIds([ID], load))[0]?.version };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

describe('the product cache', () => {
  it('makes one query of many misses at once, and none after that', async () => {
    const { queries, read } = setUp();
    const reads = Array.from({ length: 50 }, read);
    await turns();
    expect(queries).toHaveLength(1);
    queries[0]?.([product(3)]);
    expect(await Promise.all(reads)).toEqual(reads.map(() => 3));
    expect(await read()).toBe(3);
    expect(queries).toHaveLength(1);
  });

  it('lets who joined a query ask for itself when the caller of that one has left', async () => {
    const { cache } = setUp();
    let leave: (error: Error) => void = () => undefined;
    const left = cache.byIds([ID], () => new Promise((_, reject) => (leave = reject)));
    await turns();
    const stayed = cache.byIds([ID], async () => [product(3)]);
    await turns();
    const cause = new CallerGone('test');
    leave(new AppError('SERVICE_UNAVAILABLE', 'cancelled', { cause }));
    await expect(left).rejects.toThrow('cancelled');
    expect(await stayed).toEqual([expect.objectContaining({ version: 3 })]);
  });

  it('does not let a reader join a query that began before a write', async () => {
    const { cache, queries, read } = setUp();
    const early = read();
    await turns();
    await cache.write([ID], async () => [product(2)]);
    expect(await read()).toBe(2);
    queries[0]?.([product(1)]);
    expect(await early).toBe(1);
    expect(await read()).toBe(2);
  });

  it('does not let a reader join a query that ran before the product was created', async () => {
    const { cache, queries, read } = setUp();
    const early = read();
    await turns();
    await cache.write([ID], async () => [product(1)]);
    expect(await read()).toBe(1);
    queries[0]?.([]);
    expect(await early).toBeUndefined();
    expect(await read()).toBe(1);
    expect(queries).toHaveLength(1);
  });

  it('does not store that a product does not exist', async () => {
    const { queries, read } = setUp();
    for (const query of [0, 1]) {
      const reading = read();
      await turns();
      queries[query]?.([]);
      expect(await reading).toBeUndefined();
    }
    expect(queries).toHaveLength(2);
  });

  it('asks the database for what is being written, each reader anew', async () => {
    const { cache, queries, read } = setUp();
    let commit: (written: Product[]) => void = () => undefined;
    const writing = cache.write(
      [ID],
      () =>
        new Promise((resolve) => {
          commit = resolve;
        }),
    );
    await turns();
    const before = read();
    const after = read();
    await turns();
    expect(queries).toHaveLength(2);
    queries[0]?.([product(1)]);
    queries[1]?.([product(2)]);
    expect(await Promise.all([before, after])).toEqual([1, 2]);
    commit([product(2)]);
    await writing;
    expect(await read()).toBe(2);
    expect(queries).toHaveLength(2);
  });

  it('keeps the fence of a failed write, because it may have been committed', async () => {
    const { cache, queries, read } = setUp();
    await expect(cache.write([ID], () => Promise.reject(new Error('connection lost')))).rejects.toThrow(
      'connection lost',
    );
    void read();
    void read();
    await turns();
    expect(queries).toHaveLength(2);
  });

  it('still uses pages without the products of a failed write, and all pages after a write without a change', async () => {
    const { cache } = setUp();
    let loads = 0;
    const page = () =>
      cache.page('newest', async () => {
        loads += 1;
        return [product(1)];
      });
    await page();
    const lost = cache.write([8], () => Promise.reject(new Error('connection lost')));
    await expect(lost).rejects.toThrow('connection lost');
    // Jobs of products that do not exist.
    for (const id of [9, 10, 11]) await cache.write([id], async () => []);
    expect(await page()).toEqual([product(1)]);
    expect(loads).toBe(1);
    await cache.write([8], async () => [{ ...product(1), id: 8 }]);
    await page();
    expect(loads).toBe(2);
  });

  it('gives the lease of a load that failed back', async () => {
    const { cache, queries, read } = setUp();
    await expect(cache.byIds([ID], () => Promise.reject(new Error('no answer')))).rejects.toThrow(
      'no answer',
    );
    await turns();
    const reads = [read(), read()];
    await turns();
    expect(queries).toHaveLength(1);
    queries[0]?.([product(3)]);
    expect(await Promise.all(reads)).toEqual([3, 3]);
  });
});
