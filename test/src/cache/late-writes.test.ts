// A write that is on its way for longer than its fence lasts: the network is cut, then repaired, and the statement is
// carried out long after its caller got a timeout.
import { setTimeout as sleep } from 'node:timers/promises';
import { createRequestPools, type RequestPools } from '@holdfast/platform/database';
import { createLogger } from '@holdfast/platform/log';
import { createRedis, type Redis } from '@holdfast/platform/redis';
import { createMemoryStore } from '@holdfast/products/data/cache/memory-store';
import { createProductCache } from '@holdfast/products/data/cache/product-cache';
import { createRedisStore } from '@holdfast/products/data/cache/redis-store';
import { type CacheStore, FENCE_TTL_MS } from '@holdfast/products/data/cache/store';
import { createProductTable } from '@holdfast/products/data/products';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../setup/database.ts';
import { eventually } from '../support/client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type StallingProxy, startStallingProxy } from '../support/stalling-proxy.ts';

const log = createLogger('test', 'silent');

let database: TestDatabase;
let proxy: StallingProxy;
let server: RedisServer;
let redis: Redis;
let near: RequestPools;
let far: RequestPools;

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startStallingProxy(database.urls.products);
  server = await startRedis();
  redis = createRedis({ url: server.url, timeoutMs: 2_000, log });
  await redis.untilUp(10_000);
  near = createRequestPools({ url: database.urls.products, max: 4, applicationName: 'near', log });
  far = createRequestPools({ url: proxy.url, max: 4, applicationName: 'far', log });
}, 60_000);
afterAll(async () => {
  await Promise.all([near?.end(), far?.end(), redis?.close()]);
  await Promise.all([proxy?.close(), server?.stop()]);
  await database?.drop();
});

/** A product whose cached price is read here, and written by another way. */
async function stockUp(store: CacheStore) {
  const cache = createProductCache({
    store: () => store,
    storeForWrite: async () => store,
    suspend: async () => undefined,
  });
  const here = createProductTable(near.writes, cache, () => near.reads);
  const there = createProductTable(far.writes, cache, () => far.reads);
  const kettle = { name: 'Kettle', description: null, price: '10.00', stock: 1 };
  const inserted = await there.insert(kettle, undefined);
  if (!inserted) throw new Error('the product was not inserted');
  const { id } = inserted;
  return {
    cached: async () => (await here.byIds([id]))[0]?.price,
    stored: async () => (await here.stored([id]))[0]?.price,
    write: () => there.update(id, 1, true, { price: '12.00' }),
  };
}

describe('a late write', () => {
  it('is shown to all at once, with the cache in Redis and in the process', async () => {
    const products = await Promise.all(
      [createRedisStore(redis, crypto.randomUUID(), 2_000), createMemoryStore(1_000_000)].map(stockUp),
    );
    const cachedPrices = () => Promise.all(products.map(({ cached }) => cached()));
    const storedPrices = () => Promise.all(products.map(({ stored }) => stored()));
    expect(await cachedPrices()).toEqual(['10.00', '10.00']);

    proxy.stall(true);
    const writes = await Promise.allSettled(products.map(({ write }) => write()));
    for (const write of writes)
      expect(write).toMatchObject({ status: 'rejected', reason: { message: 'Query read timeout' } });
    const until = Date.now() + FENCE_TTL_MS + 5_000;
    while (Date.now() < until) {
      expect(await cachedPrices()).toEqual(['10.00', '10.00']);
      await sleep(500);
    }
    proxy.resume();
    await eventually(storedPrices, (prices) => prices.every((price) => price === '12.00'));
    expect(await cachedPrices()).toEqual(['12.00', '12.00']);
  }, 120_000);
});
