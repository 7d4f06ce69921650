// The rules of a store of the cache, for the store in Redis and the store in the process.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createLogger } from '@holdfast/platform/observability/log';
import { createRedis, type Redis } from '@holdfast/platform/redis';
import { createMemoryStore } from '@holdfast/products/data/cache/memory-store';
import { createRedisStore } from '@holdfast/products/data/cache/redis-store';
import {
  type CacheStore,
  DEFAULT_FENCE_MS,
  leaseOf,
  nameOf,
  PAGE,
} from '@holdfast/products/data/cache/store';
import type { Product } from '@holdfast/products/data/product-row';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { eventually } from '../support/client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type StallingProxy, startStallingProxy } from '../support/stalling-proxy.ts';

const log = createLogger('test', 'silent');

let server: RedisServer;
let proxy: StallingProxy;
let redis: Redis;
let stalling: Redis;

beforeAll(async () => {
  server = await startRedis();
  proxy = await startStallingProxy(server.url);
  redis = await createRedis({ url: server.url, timeoutMs: 2_000, log });
  stalling = await createRedis({ url: proxy.url, timeoutMs: 200, log });
  await Promise.all([redis.untilUp(10_000), stalling.untilUp(10_000)]);
});
afterAll(async () => {
  await Promise.all([redis?.close(), stalling?.close()]);
  await proxy?.close();
  await server?.stop();
});

const ID = 7;
const NAME = nameOf(ID);
const OTHER = nameOf(8);
const NEWEST = `${PAGE}newest`;
const TTL_MS = 60_000;
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
const versions = (version: number) => new Map([[NAME, [product(version)]]]);
const NO_ROWS = new Map<string, Product[]>();

/** Creates a store over a connection, for a database of this name. */
const createInRedis = (over: Redis, ttlMs: number, name: string = crypto.randomUUID()): CacheStore =>
  createRedisStore(over, async () => name, ttlMs);

const stores: [name: string, create: (ttlMs: number) => CacheStore][] = [
  ['in Redis', (ttlMs) => createInRedis(redis, ttlMs)],
  ['in the process', (ttlMs) => createMemoryStore(ttlMs, 1_000_000)],
];

/** What the store has for a name: versions, or a fence, or a lease with its token. A lease that this call gets is returned. */
async function look(store: CacheStore, name = NAME): Promise<string> {
  const [entry] = await store.claim([name], 'a look');
  if (entry?.kind === 'products') return entry.products.map(({ version }) => `v${version}`).join(' ');
  if (entry?.kind !== 'lease') return entry?.kind ?? '';
  if (entry.token !== 'a look') return `lease of ${entry.token}`;
  await store.fill([name], 'a look', NO_ROWS);
  return 'empty';
}

async function fill(store: CacheStore, name: string, ...products: Product[]): Promise<void> {
  await store.claim([name], 'filling');
  await store.fill([name], 'filling', new Map([[name, products]]));
}

describe.each(stores)('the store %s', (_, create) => {
  let store: CacheStore;
  beforeEach(() => {
    store = create(TTL_MS);
  });

  it('returns the rows that were filled in, with their dates', async () => {
    const archived = { ...product(3), archivedAt: at, description: 'Boils.' };
    await store.claim([NAME, OTHER], 'reader');
    await store.fill([NAME, OTHER], 'reader', new Map([[NAME, [archived]]]));
    expect(await store.claim([NAME], 'another')).toMatchObject([{ kind: 'products', products: [archived] }]);
    expect(await look(store, OTHER)).toBe('empty');
  });

  it('gives one lease at a time', async () => {
    await store.claim([NAME], 'first');
    expect(await look(store)).toBe('lease of first');
    await store.fill([NAME], 'second', versions(1));
    expect(await look(store)).toBe('lease of first');
    await store.fill([NAME], 'first', NO_ROWS);
    expect(await look(store)).toBe('empty');
  });

  it.each([
    ['an older version', versions(1)],
    ['no product', NO_ROWS],
  ])('does not let a slow reader that found %s undo a write', async (_found, late) => {
    await store.claim([NAME], 'reader');
    await store.fence([NAME], 'writer');
    await store.fill([NAME], 'reader', late);
    expect(await look(store)).toBe('fence');
    await store.settle([NAME], 'writer', versions(2));
    await store.fill([NAME], 'reader', late);
    expect(await look(store)).toBe('v2');
  });

  it('keeps the fence until the last of several writers is done, and then has no row', async () => {
    await fill(store, NAME, product(1));
    await store.fence([NAME], 'a');
    await store.fence([NAME], 'b');
    await store.settle([NAME], 'b', versions(3));
    expect(await look(store)).toBe('fence');
    await store.fence([NAME], 'c');
    await store.settle([NAME], 'c', NO_ROWS);
    expect(await look(store)).toBe('fence');
    await store.settle([NAME], 'a', versions(2));
    expect(await look(store)).toBe('empty');
    await store.fence([NAME], 'd');
    await store.settle([NAME], 'd', versions(4));
    expect(await look(store)).toBe('v4');
  });

  it.each([
    ['that changed no row', NO_ROWS],
    ['whose changes are unknown', undefined],
  ])('has no row of a product after a write %s', async (_which, written) => {
    await fill(store, NAME, product(1));
    await store.fence([NAME], 'writer');
    await store.settle([NAME], 'writer', written);
    expect(await look(store)).toBe('empty');
  });

  it('writes several products at once', async () => {
    await store.fence([NAME, OTHER], 'writer');
    await store.settle([NAME, OTHER], 'writer', new Map([[OTHER, [product(5, 8)]]]));
    expect([await look(store), await look(store, OTHER)]).toEqual(['empty', 'v5']);
  });

  it('shows a page until one of its products is changed, and not while one of them is written', async () => {
    await fill(store, NEWEST, product(1), product(1, 8));
    await store.fence([OTHER], 'writer');
    expect(await look(store, NEWEST)).toBe('fence');
    await store.settle([OTHER], 'writer', NO_ROWS);
    expect(await look(store, NEWEST)).toBe('v1 v1');
    await store.fence([OTHER], 'writer');
    await store.settle([OTHER], 'writer', new Map([[OTHER, [product(2, 8)]]]));
    expect(await look(store, NEWEST)).toBe('empty');
  });

  it('does not keep a page that was read while a product of it was written', async () => {
    await store.fence([NAME], 'writer');
    await fill(store, NEWEST, product(1));
    expect(await look(store, NEWEST)).toBe('fence');
    await store.settle([NAME], 'writer', versions(2));
    expect(await look(store, NEWEST)).toBe('empty');
  });

  it('does not accept a page that was read before a change', async () => {
    await store.claim([NEWEST], 'reader');
    await store.fence([NAME], 'writer');
    await store.settle([NAME], 'writer', versions(2));
    await store.fill([NEWEST], 'reader', new Map([[NEWEST, [product(1)]]]));
    expect(await look(store, NEWEST)).toBe('empty');
  });

  it('shows a page while other products, which do not exist, are written', async () => {
    await fill(store, NEWEST, product(1));
    const missing = [OTHER, nameOf(9), nameOf(10)];
    for (const name of missing) await store.fence([name], name);
    expect(await look(store, NEWEST)).toBe('v1');
    for (const name of missing) await store.settle([name], name, NO_ROWS);
    expect(await look(store, NEWEST)).toBe('v1');
  });

  it('keeps no entry longer than its time to live, which begins before the entry was read', async () => {
    const ttlMs = 1_200;
    store = create(ttlMs);
    const beganAt = performance.now();
    await store.claim([NAME, NEWEST], 'reader');
    await store.fence([OTHER], 'writer');
    await sleep(leaseOf(ttlMs) * 0.7);
    await store.fill(
      [NAME, NEWEST],
      'reader',
      new Map([
        [NAME, [product(1)]],
        [NEWEST, [product(1)]],
      ]),
    );
    expect([await look(store), await look(store, NEWEST)]).toEqual(['v1', 'v1']);
    await store.settle([OTHER], 'writer', new Map([[OTHER, [product(1, 8)]]]));
    expect(await look(store, OTHER)).toBe('v1');
    await sleep(beganAt + ttlMs - performance.now() + 5);
    expect([await look(store), await look(store, NEWEST)]).toEqual(['empty', 'empty']);
  });
});

describe('the store in Redis', () => {
  it('shares fences with instances whose rows have other columns, and accepts none of their rows', async () => {
    const name = crypto.randomUUID();
    const store = createInRedis(redis, TTL_MS, name);
    await fill(store, NAME, product(1));
    const client = createClient({ url: server.url });
    await client.connect();
    const row = (await client.get(`${name}:${NAME}`)) ?? '';
    await client.set(`${name}:${NAME}`, row.replace(/^\|V.{8}/, '|Vanother!'));
    expect(await look(store)).toBe('fence');
    client.destroy();
  });

  it('accepts no message that arrives late', async () => {
    const ttlMs = 900;
    const name = crypto.randomUUID();
    const store = createInRedis(redis, ttlMs, name);
    const late = createInRedis(stalling, ttlMs, name);
    await late.claim([NAME, NEWEST], 'reader');
    await late.fence([OTHER], 'writer');
    proxy.stall(true);
    const sent = [
      late.fill(
        [NAME, NEWEST],
        'reader',
        new Map([
          [NAME, [product(1)]],
          [NEWEST, [product(1)]],
        ]),
      ),
      late.settle([OTHER], 'writer', new Map([[OTHER, [product(1, 8)]]])),
    ];
    for (const { status } of await Promise.allSettled(sent)) expect(status).toBe('rejected');
    await sleep(ttlMs);
    proxy.resume();
    await eventually(
      () => look(store, OTHER),
      (entry) => entry !== 'fence',
    );
    const entries = [await look(store), await look(store, NEWEST), await look(store, OTHER)];
    expect(entries).toEqual(['empty', 'empty', 'empty']);
  });

  it('treats the end of an unsettled fence as a change of the product', async () => {
    const name = crypto.randomUUID();
    const store = createInRedis(redis, TTL_MS, name);
    await fill(store, NEWEST, product(1));
    await store.fence([NAME], 'a killed writer');
    await store.fence([OTHER], 'a running writer');
    // A reader gets no lease under a fence, so its rows are not there when the fence is over.
    await store.claim([NAME], 'a reader');
    await store.fill([NAME], 'a reader', versions(1));
    const client = createClient({ url: server.url });
    await client.connect();
    // The fence of the first writer is made older, so that it is over.
    const state = JSON.parse((await client.get(`${name}:state`)) ?? '');
    for (const token of Object.keys(state.fences[NAME].tokens))
      state.fences[NAME].tokens[token] -= DEFAULT_FENCE_MS;
    await client.set(`${name}:state`, JSON.stringify(state));
    client.destroy();
    expect(await look(store, NEWEST)).toBe('empty');
    expect(await look(store)).toBe('empty');
    expect(await look(store, OTHER)).toBe('fence');
  });
});

describe('the store in the process', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');

  function readHeapBytes(): number {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  }

  it('is bounded in size', async () => {
    const store = createMemoryStore(TTL_MS, 100_000);
    const ids = Array.from({ length: 2_000 }, (_, index) => index + 1);
    for (const id of ids) await fill(store, nameOf(id), product(1, id));
    // The newest first, because a look at a missing entry takes room, too.
    let count = 0;
    while ((await look(store, nameOf(ids.pop() ?? 0))) === 'v1') count += 1;
    expect(count).toBeGreaterThan(10);
    expect(count).toBeLessThan(400);
  });

  it.each([
    ['long texts of two bytes a character', () => randomBytes(2_000).toString('utf16le')],
    ['no texts', () => null],
  ])('takes no more of the heap than its size for products with %s', async (_, describe) => {
    const maxBytes = 4_000_000;
    const store = createMemoryStore(TTL_MS, maxBytes);
    const before = readHeapBytes();
    const last = 20_000;
    for (let id = 1; id <= last; id += 1)
      await fill(store, nameOf(id), { ...product(1, id), description: describe() });
    const grown = readHeapBytes() - before;
    expect(await look(store, nameOf(last))).toBe('v1');
    expect(grown).toBeLessThan(maxBytes);
  });
});
