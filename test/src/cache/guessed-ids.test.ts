// Look-ups of products that do not exist yet. Ids come from a sequence, so a reader can guess the next ones.
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, CallerGone } from '@holdfast/platform/errors';
import { createLogger } from '@holdfast/platform/observability/log';
import { createRequestPools, type RequestPools } from '@holdfast/platform/postgres/database';
import { createReads, type Reads } from '@holdfast/platform/postgres/reads';
import { createRedis, type Redis } from '@holdfast/platform/redis';
import { createMemoryStore } from '@holdfast/products/data/cache/memory-store';
import { createProductCache } from '@holdfast/products/data/cache/product-cache';
import { createRedisStore } from '@holdfast/products/data/cache/redis-store';
import type { CacheStore } from '@holdfast/products/data/cache/store';
import { createProductStore, type ProductStore } from '@holdfast/products/data/products';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../setup/database.ts';
import { eventually } from '../support/client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const CREATED = 24;
const CREATORS = 3;
const READERS = 12;
const TTL_MS = 30_000;
/** How many ids beyond the newest a reader looks for. */
const AHEAD = 3;

const log = createLogger('test', 'silent');

let database: TestDatabase;
let server: RedisServer;
let redis: Redis;
let pools: RequestPools;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startRedis();
  redis = await createRedis({ url: server.url, timeoutMs: 2_000, log });
  await redis.untilUp(10_000);
  pools = createRequestPools({ url: database.urls.products, max: 16, applicationName: 'test', log });
}, 60_000);
afterAll(async () => {
  await Promise.all([pools?.end(), redis?.close()]);
  await server?.stop();
  await database?.release();
});

/** Reads whose answers arrive late, so that they may be outdated on arrival. */
function createLateReads(): Reads {
  const reads = createReads(pools.reads, 10_000);
  return (caller) => ({
    query: async <Row extends object>(config: Parameters<ReturnType<Reads>['query']>[0]) => {
      const answer = await reads(caller).query<Row>(config);
      await sleep(Math.random() * 10);
      if (caller.aborted) throw new AppError('SERVICE_UNAVAILABLE', 'cancelled', { cause: caller.reason });
      return answer;
    },
  });
}

const instanceOver = (store: CacheStore): ProductStore =>
  createProductStore(pools.writes, createProductCache(store), createLateReads());

/** The products that a reader was shown: a look-up that begins later must find them. */
class Witness {
  readonly #known = new Set<number>();
  readonly #missed = new Set<number>();
  #newest: number;
  #newestCreated: number;
  created = 0;
  /** How many look-ups of ids found no product. */
  misses = 0;

  constructor(before: number) {
    this.#newest = before;
    this.#newestCreated = before;
  }

  #learn(ids: readonly number[]): void {
    for (const id of ids) this.#known.add(id);
    this.#newest = Math.max(this.#newest, ...ids);
  }

  async create(table: ProductStore): Promise<void> {
    this.created += 1;
    const product = await table.insert(
      { name: 'Cup', description: null, price: '1.00', stock: 1 },
      undefined,
    );
    this.#learn([product?.id ?? 0]);
    this.#newestCreated = Math.max(this.#newestCreated, product?.id ?? 0);
  }

  async lookUp(table: ProductStore, caller: AbortSignal): Promise<void> {
    const guessed = Array.from({ length: 1 + AHEAD }, (_, index) => this.#newest + index);
    const known = guessed.filter((id) => this.#known.has(id));
    const found = (await table.byIds(guessed, caller)).map(({ id }) => id);
    expect(found).toEqual(expect.arrayContaining(known));
    for (const id of guessed)
      if (!found.includes(id)) {
        this.#missed.add(id);
        this.misses += 1;
      }
    this.#learn(found);
  }

  async list(table: ProductStore, caller: AbortSignal): Promise<void> {
    // Lists show a new product once its creation is answered, and look-ups show it from its commit on.
    const newest = this.#newestCreated;
    const page = await table.page({ order: 'NEWEST', after: undefined, filter: {}, limit: AHEAD }, caller);
    expect(page[0]?.id ?? 0).toBeGreaterThanOrEqual(newest);
    this.#learn(page.map(({ id }) => id));
  }

  /** How many products a reader looked for before they existed. */
  guesses(): number {
    return [...this.#missed].filter((id) => this.#known.has(id)).length;
  }
}

/** The next look-up of a reader, which may leave before the answer. Readers who have joined that look-up then repeat it. */
async function read(table: ProductStore, witness: Witness): Promise<void> {
  const leaving = new AbortController();
  const dice = Math.random();
  if (dice < 0.2) return witness.list(table, leaving.signal);
  const leaves = dice < 0.4 && setTimeout(() => leaving.abort(new CallerGone('test')), 2);
  await witness.lookUp(table, leaving.signal).catch((error: unknown) => {
    if (!leaving.signal.aborted || !(error instanceof AppError)) throw error;
  });
  if (leaves) clearTimeout(leaves);
}

const namespace = crypto.randomUUID();
const places: [name: string, instances: number, create: () => CacheStore][] = [
  ['in Redis, shared by two instances', 2, () => createRedisStore(redis, async () => namespace, TTL_MS)],
  ['in the process', 1, () => createMemoryStore(TTL_MS, 1_000_000)],
];

describe.each(places)('with the cache %s', (_, count, create) => {
  it('a product that was looked for before it existed is found once one caller has seen it', async () => {
    const store = create();
    const instances = Array.from({ length: count }, () => instanceOver(store));
    const tableOf = (index: number): ProductStore => instances[index % count] ?? instanceOver(store);
    const { rows } = await pools.reads.query(
      'SELECT coalesce(max(id), 0)::int AS last FROM products.products',
    );
    const witness = new Witness(rows[0].last);
    let creating = true;
    const readers = Array.from({ length: READERS }, async (_, index) => {
      while (creating) await read(tableOf(index), witness);
    });
    const creators = Array.from({ length: CREATORS }, async (_, index) => {
      while (witness.created < CREATED) {
        // A reader has looked for the next product, and others are often doing so, when it is created.
        const before = witness.misses;
        await eventually(
          async () => witness.misses > before,
          (hasMissed) => hasMissed,
        );
        await witness.create(tableOf(index));
      }
    });
    await Promise.all(creators).finally(() => {
      creating = false;
    });
    await Promise.all(readers);
    expect(witness.guesses()).toBeGreaterThan(0);
  }, 120_000);
});
