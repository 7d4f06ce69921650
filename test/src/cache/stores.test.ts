// The rules of the cache's store, held against both places that it may be in.

import { createLogger } from '@holdfast/platform/log';
import { createRedis, type Redis } from '@holdfast/platform/redis';
import { createMemoryStore } from '@holdfast/products/data/cache/memory-store';
import { createRedisStore } from '@holdfast/products/data/cache/redis-store';
import type { CacheStore } from '@holdfast/products/data/cache/store';
import type { Product } from '@holdfast/products/data/product-row';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type RedisServer, startRedis } from '../support/redis.ts';

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = createRedis({ url: server.url, timeoutMs: 2_000, log: createLogger('test', 'silent') });
  await redis.untilUp(10_000);
});
afterAll(async () => {
  await redis?.close();
  await server?.stop();
});

const ID = 7;
const at = new Date('2026-11-23T08:15:30.123Z');
const product = (version: number, id = ID): Product => ({
  id,
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
const filled = (version: number) => new Map([[ID, product(version)]]);

const stores: [name: string, create: () => CacheStore][] = [
  ['in Redis', () => createRedisStore(redis, crypto.randomUUID(), 2_000)],
  ['in the process', () => createMemoryStore(1_000_000)],
];

describe.each(stores)('the store %s', (_, create) => {
  let store: CacheStore;
  beforeEach(() => {
    store = create();
  });

  const entry = async () => (await store.read([ID]))[0];
  const version = async () => {
    const found = await entry();
    return found?.kind === 'product' ? found.product.version : found?.kind;
  };

  it('gives back what was filled, dates and all', async () => {
    expect(await version()).toBe('none');
    expect(await store.lease([ID], 'reader')).toEqual([{ kind: 'lease', token: 'reader' }]);
    expect(await entry()).toEqual({ kind: 'lease', token: 'reader' });
    await store.fill([ID], 'reader', filled(3));
    expect(await entry()).toEqual({ kind: 'product', product: product(3) });
  });

  it('gives one lease at a time', async () => {
    const first = [{ kind: 'lease', token: 'first' }];
    expect(await store.lease([ID], 'first')).toEqual(first);
    expect(await store.lease([ID], 'second')).toEqual(first);
    await store.fill([ID], 'second', filled(1));
    expect(await version()).toBe('lease');
    await store.fill([ID], 'first', new Map());
    expect(await version()).toBe('none');
  });

  it('does not let in what a slow reader read before a write', async () => {
    await store.lease([ID], 'reader');
    await store.fence(ID, 'writer');
    expect(await version()).toBe('fence');
    await store.fill([ID], 'reader', filled(1));
    expect(await version()).toBe('fence');
    await store.publish(ID, 'writer', product(2));
    await store.fill([ID], 'reader', filled(1));
    expect(await version()).toBe(2);
  });

  it('does not let a slow reader that found nothing take a product away that was created meanwhile', async () => {
    await store.lease([ID], 'reader');
    await store.fence(ID, 'writer');
    await store.fill([ID], 'reader', new Map());
    expect(await version()).toBe('fence');
    await store.publish(ID, 'writer', product(1));
    await store.fill([ID], 'reader', new Map());
    expect(await version()).toBe(1);
  });

  it('keeps the fence until the last of several writers is done, and then the newest of what they wrote', async () => {
    await store.fence(ID, 'a');
    await store.fence(ID, 'b');
    await store.fence(ID, 'c');
    await store.publish(ID, 'b', product(7));
    expect(await version()).toBe('fence');
    await store.publish(ID, 'a', product(6));
    expect(await version()).toBe('fence');
    await store.publish(ID, 'c', undefined);
    expect(await version()).toBe(7);
  });

  it('knows nothing of a product after a write that changed nothing', async () => {
    await store.lease([ID], 'reader');
    await store.fill([ID], 'reader', filled(1));
    await store.fence(ID, 'writer');
    await store.publish(ID, 'writer', undefined);
    expect(await version()).toBe('none');
  });

  it('shows a page until somebody writes anything, and none while they do', async () => {
    const first = await store.readPage('newest');
    if (first.kind === 'page' || first.generation === undefined) throw new Error('a page may be filled in');
    await store.fillPage('newest', first.generation, [product(1)]);
    expect(await store.readPage('newest')).toEqual({ kind: 'page', products: [product(1)] });

    await store.fence(ID, 'writer');
    expect(await store.readPage('newest')).toEqual({ kind: 'none', generation: undefined });
    await store.fillPage('newest', first.generation, [product(1)]);
    await store.publish(ID, 'writer', product(2));
    await store.fillPage('newest', first.generation, [product(1)]);
    const after = await store.readPage('newest');
    expect(after).toEqual({ kind: 'none', generation: expect.any(String) });
    expect(after.kind === 'none' && after.generation).not.toBe(first.generation);
  });
});

describe('the store in the process', () => {
  it('is bounded', async () => {
    const store = createMemoryStore(100_000);
    const ids = Array.from({ length: 2_000 }, (_, index) => index + 1);
    await store.lease(ids, 'reader');
    await store.fill(ids, 'reader', new Map(ids.map((id) => [id, product(1, id)])));
    const kept = (await store.read(ids)).filter(({ kind }) => kind === 'product').length;
    expect(kept).toBeGreaterThan(10);
    expect(kept).toBeLessThan(400);
  });
});
