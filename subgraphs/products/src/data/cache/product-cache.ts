// Reads through the cache, writes around a fence, so that nobody is ever shown an older version of a product than
// anybody has seen before, on whatever instance.
//
// A reader that finds nothing takes a lease, reads the database and fills the lease, if it is still there. A writer
// first sets a fence, which ends any lease, then commits, then publishes its result in the place of its own fence. So
// from before a commit until its result is there, readers go to the database, and what a slow reader brings back from
// before the commit is not let in. (Leases: Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013.)
import { randomUUID } from 'node:crypto';
import { Counter, registry } from '@holdfast/platform/metrics';
import type { Product } from '../products.js';
import type { CacheStore } from './store.js';

const requests = new Counter({
  name: 'cache_requests_total',
  help: 'Look-ups of products and of pages of them, by how they were answered; bypass: the cache was not in use.',
  labelNames: ['kind', 'result'],
  registers: [registry],
});

export interface ProductCache {
  /** Products by id, archived ones included. `load` reads those that are not cached from the database, all at once. */
  byIds(ids: readonly string[], load: (ids: readonly string[]) => Promise<Product[]>): Promise<Product[]>;
  /** A page of the list that `key` stands for. */
  page(key: string, load: () => Promise<Product[]>): Promise<Product[]>;
  /** Runs a write of the product `id`. It resolves to what was written, or to undefined when nothing was changed. */
  write(id: string, work: () => Promise<Product | undefined>): Promise<Product | undefined>;
}

export interface ProductCacheOptions {
  /** The store, while this instance may use it. */
  readonly store: () => CacheStore | undefined;
  /** The same for a write, which would rather wait a moment than do without. */
  readonly storeForWrite: () => Promise<CacheStore | undefined>;
  /** Makes sure that no instance uses the cache while a write that cannot be fenced is made. */
  readonly suspend: () => Promise<void>;
}

const succeeds = (work: Promise<void>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

type Load = (ids: readonly string[]) => Promise<Product[]>;

export function createProductCache({ store, storeForWrite, suspend }: ProductCacheOptions): ProductCache {
  /** Loads under way, by the token of their lease. */
  const loading = new Map<string, Promise<Map<string, Product>>>();

  async function loadMap(ids: readonly string[], load: Load): Promise<Map<string, Product>> {
    return new Map((await load(ids)).map((product) => [product.id, product]));
  }

  /** Loads what nobody has, filling those that a lease was got for. */
  async function loadAndFill(
    cache: CacheStore,
    absent: string[],
    other: string[],
    load: Load,
  ): Promise<Map<string, Product>> {
    const token = randomUUID();
    const granted = await cache.lease(absent, token).catch(() => absent.map(() => false));
    const leased = absent.filter((_, index) => granted[index]);
    const loaded = loadMap([...absent, ...other], load);
    if (leased.length === 0) return loaded;
    loading.set(token, loaded);
    try {
      const products = await loaded;
      // Nobody waits for this: a lease that is not filled runs out.
      cache.fill(leased, token, products).catch(() => undefined);
      return products;
    } finally {
      loading.delete(token);
    }
  }

  async function byIds(ids: readonly string[], load: Load): Promise<Product[]> {
    const cache = store();
    const entries = await cache?.read(ids).catch(() => undefined);
    if (!cache || !entries) {
      requests.inc({ kind: 'product', result: 'bypass' }, ids.length);
      return load(ids);
    }
    const found: Product[] = [];
    const absent: string[] = [];
    const other: string[] = [];
    const joined: [id: string, Promise<Map<string, Product>>][] = [];
    for (const [index, id] of ids.entries()) {
      const entry = entries[index];
      // Joining is right while the lease stands: no write has begun since that load did.
      const load = entry?.kind === 'lease' ? loading.get(entry.token) : undefined;
      if (entry?.kind === 'product') found.push(entry.product);
      else if (load) joined.push([id, load]);
      else if (entry?.kind === 'none') absent.push(id);
      else other.push(id);
    }
    requests.inc({ kind: 'product', result: 'hit' }, found.length);
    requests.inc({ kind: 'product', result: 'miss' }, ids.length - found.length);
    if (absent.length + other.length > 0)
      found.push(...(await loadAndFill(cache, absent, other, load)).values());
    for (const [id, load] of joined) {
      const product = (await load).get(id);
      if (product) found.push(product);
    }
    return found;
  }

  async function page(key: string, load: () => Promise<Product[]>): Promise<Product[]> {
    const cache = store();
    const entry = await cache?.readPage(key).catch(() => undefined);
    if (entry?.kind === 'page') {
      requests.inc({ kind: 'page', result: 'hit' });
      return entry.products;
    }
    requests.inc({ kind: 'page', result: entry ? 'miss' : 'bypass' });
    const products = await load();
    if (cache && entry?.generation !== undefined)
      cache.fillPage(key, entry.generation, products).catch(() => undefined);
    return products;
  }

  async function write(id: string, work: () => Promise<Product | undefined>): Promise<Product | undefined> {
    const cache = await storeForWrite();
    const token = randomUUID();
    if (!cache || !(await succeeds(cache.fence(id, token)))) {
      await suspend();
      return work();
    }
    // When it fails, whether it was committed is not known: the fence stays until it must have been.
    const product = await work();
    await cache.publish(id, token, product).catch(() => undefined);
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
