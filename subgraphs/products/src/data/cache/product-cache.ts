// Reads through the cache, writes around a fence, so that nobody is ever shown an older version of a product than
// anybody has seen before, on whatever instance.
//
// A reader that finds nothing takes a lease, reads the database and fills the lease, if it is still there. A writer
// first sets a fence, which ends any lease, then commits, then publishes its result in the place of its own fence. So
// from before a commit until its result is there, readers go to the database, and what a slow reader brings back from
// before the commit is not let in. (Leases: Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013.)
//
// Ids can be guessed, so readers may look for a product that does not exist yet. That there is none is never kept: a
// lease that is filled without a product goes away. The load that found none may still be under way when the product is
// there, and readers join loads, but only while the lease stands: a new product is written like any other, behind a fence
// of its id that is set before the row exists and ends that lease.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAbandoned } from '@holdfast/platform/errors';
import { Counter, registry } from '@holdfast/platform/metrics';
import { answerTo, isUndone } from '@holdfast/platform/unanswered';
import type { Product } from '../product-row.ts';
import { type CacheStore, type Entry, FENCE_TTL_MS } from './store.ts';

const requests = new Counter({
  name: 'cache_requests_total',
  help: 'Look-ups of products and of pages of them, by how they were answered; bypass: the cache was not in use.',
  labelNames: ['kind', 'result'],
  registers: [registry],
});
const KINDS = ['product', 'page'] as const;
const RESULTS = ['hit', 'miss', 'bypass'] as const;
const countRequests = (kind: (typeof KINDS)[number], result: (typeof RESULTS)[number], count: number): void =>
  requests.inc({ kind, result }, count);
for (const kind of KINDS) for (const result of RESULTS) countRequests(kind, result, 0);

export interface ProductCache {
  /** Products by id, archived ones included. `load` reads those that are not cached from the database, all at once. */
  byIds(ids: readonly number[], load: (ids: readonly number[]) => Promise<Product[]>): Promise<Product[]>;
  /** A page of the list that `key` stands for. */
  page(key: string, load: () => Promise<Product[]>): Promise<Product[]>;
  /** Runs a write of the product `id`. It resolves to what was written, or to undefined when nothing was changed. */
  write(id: number, work: () => Promise<Product | undefined>): Promise<Product | undefined>;
}

export interface ProductCacheOptions {
  /** The store, while this instance may use it. */
  readonly store: () => CacheStore | undefined;
  /** The same for a write, which would rather wait a moment than do without. */
  readonly storeForWrite: () => Promise<CacheStore | undefined>;
  /** Makes sure that no instance uses the cache while a write that cannot be fenced is made. */
  readonly suspend: () => Promise<void>;
}

/** While a statement is not answered. */
const FENCE_RENEWED_MS = FENCE_TTL_MS / 3;

const succeeds = (work: Promise<void>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

type Loaded = Promise<Map<number, Product>>;

/** What is to be done about each of some ids. */
interface Sorted {
  readonly found: Product[];
  /** Somebody in this process is loading it. */
  readonly joined: [id: number, Loaded][];
  readonly absent: number[];
  /** Being written, or loaded elsewhere: to be read from the database and kept out of the cache. */
  readonly other: number[];
}

type Load = (ids: readonly number[]) => Promise<Product[]>;

/** What others are loading. A load whose caller has left is made good by one of our own. */
async function joinAll(joined: Sorted['joined'], load: Load): Promise<Product[]> {
  const left: number[] = [];
  const products = await Promise.all(
    joined.map(async ([id, loaded]) => {
      try {
        return (await loaded).get(id);
      } catch (error) {
        if (!isAbandoned(error)) throw error;
        left.push(id);
        return undefined;
      }
    }),
  );
  const loaded = left.length > 0 ? await load(left) : [];
  return [...products.filter((product) => product !== undefined), ...loaded];
}

/**
 * Takes the fence of a write that failed away, once it is known what became of it. When that is never told, because the
 * connection was lost, the fence runs out, and a write that outlives it is watched for (write-watch.ts).
 */
async function endFence(cache: CacheStore, id: number, token: string, error: unknown): Promise<void> {
  const answered = isUndone(error) ? Promise.resolve() : answerTo(error);
  if (!answered) return;
  const isOver = answered.then(() => true);
  while (!(await Promise.race([isOver, sleep(FENCE_RENEWED_MS, false, { ref: false })])))
    await succeeds(cache.fence(id, token));
  await succeeds(cache.publish(id, token, undefined));
}

export function createProductCache({ store, storeForWrite, suspend }: ProductCacheOptions): ProductCache {
  /** Loads under way, by the token of their lease. */
  const loading = new Map<string, Loaded>();

  async function loadMap(ids: readonly number[], load: Load): Promise<Map<number, Product>> {
    return new Map((ids.length > 0 ? await load(ids) : []).map((product) => [product.id, product]));
  }

  /** Sorts what the cache said of each id. Joining a load is right while its lease stands: no write has begun since. */
  function sort(ids: readonly number[], entries: readonly Entry[]): Sorted {
    const sorted: Sorted = { found: [], joined: [], absent: [], other: [] };
    for (const [index, id] of ids.entries()) {
      const entry = entries[index];
      const under = entry?.kind === 'lease' ? loading.get(entry.token) : undefined;
      if (entry?.kind === 'product') sorted.found.push(entry.product);
      else if (under) sorted.joined.push([id, under]);
      else if (entry?.kind === 'none') sorted.absent.push(id);
      else sorted.other.push(id);
    }
    return sorted;
  }

  /** Takes leases for what nobody has and loads that, together with `other`; what others are loading it waits for. */
  async function loadMissing(
    cache: CacheStore,
    absent: number[],
    other: number[],
    load: Load,
  ): Promise<Product[]> {
    const token = randomUUID();
    const leases = cache.lease(absent, token).catch(() => absent.map((): Entry => ({ kind: 'fence' })));
    const isOurs = (entry: Entry | undefined): boolean => entry?.kind === 'lease' && entry.token === token;
    const sorting = leases.then((entries) => {
      const leased = absent.filter((_, index) => isOurs(entries[index]));
      const late = absent.filter((_, index) => !isOurs(entries[index]));
      return {
        leased,
        ...sort(
          late,
          entries.filter((entry) => !isOurs(entry)),
        ),
      };
    });
    const loaded = sorting.then(({ leased, absent: none, other: more }) =>
      loadMap([...leased, ...none, ...more, ...other], load),
    );
    // Before anybody can meet the token.
    loading.set(token, loaded);
    try {
      const { leased, found, joined } = await sorting;
      const products = await loaded;
      // Nobody waits for this: a lease that is not filled runs out.
      if (leased.length > 0) cache.fill(leased, token, products).catch(() => undefined);
      return [...found, ...products.values(), ...(await joinAll(joined, load))];
    } finally {
      loading.delete(token);
    }
  }

  async function byIds(ids: readonly number[], load: Load): Promise<Product[]> {
    const cache = store();
    const entries = await cache?.read(ids).catch(() => undefined);
    if (!cache || !entries) {
      countRequests('product', 'bypass', ids.length);
      return load(ids);
    }
    const { found, joined, absent, other } = sort(ids, entries);
    countRequests('product', 'hit', found.length);
    countRequests('product', 'miss', ids.length - found.length);
    if (absent.length > 0) found.push(...(await loadMissing(cache, absent, other, load)));
    else if (other.length > 0) found.push(...(await load(other)));
    return [...found, ...(await joinAll(joined, load))];
  }

  async function page(key: string, load: () => Promise<Product[]>): Promise<Product[]> {
    const cache = store();
    const entry = await cache?.readPage(key).catch(() => undefined);
    if (entry?.kind === 'page') {
      countRequests('page', 'hit', 1);
      return entry.products;
    }
    countRequests('page', entry ? 'miss' : 'bypass', 1);
    const products = await load();
    if (cache && entry?.generation !== undefined)
      cache.fillPage(key, entry.generation, products).catch(() => undefined);
    return products;
  }

  async function write(id: number, work: () => Promise<Product | undefined>): Promise<Product | undefined> {
    const cache = await storeForWrite();
    const token = randomUUID();
    if (!cache || !(await succeeds(cache.fence(id, token)))) {
      await suspend();
      return work();
    }
    const product = await work().catch((error: unknown) => {
      void endFence(cache, id, token, error);
      throw error;
    });
    await succeeds(cache.publish(id, token, product));
    return product;
  }

  return { byIds, page, write };
}

/** No cache: everything is read from the database. */
export const NO_CACHE: ProductCache = {
  byIds: (ids, load) => load(ids),
  page: (_, load) => load(),
  write: (_, work) => work(),
};
