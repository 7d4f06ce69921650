// Reads products through the cache and fences them while they are written. docs/decisions/0023-cache-with-leases-and-fences.md has
// its promises.
//
// A writer sets its fence before the commit. The fence ends all leases, so a slow reader cannot fill in a row from before the commit.
// (Leases: Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013.) A write that cannot reach the store continues without it;
// entries have a time to live for this case. The cache never stores that a product does not exist, because a client can guess the
// id of a product before it is created.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerTo, isUndone } from '@holdfast/platform/postgres/unanswered';
import { countLookUps } from '../../metrics.ts';
import type { Product } from '../product-row.ts';
import { type ByName, type CacheStore, DEFAULT_FENCE_MS, idOf, nameOf, PAGE } from './store.ts';

export interface ProductCache {
  /** Products by id, archived products included. `load` reads all products that are not cached in one statement. */
  byIds(ids: readonly number[], load: (ids: readonly number[]) => Promise<Product[]>): Promise<Product[]>;
  /** The page with that key; `load` reads it when it is not cached. */
  page(key: string, load: () => Promise<Product[]>): Promise<Product[]>;
  /** Runs a write to the products `ids`. `work` returns the products that it changed, or undefined when they could not be read. */
  write(ids: readonly number[], work: () => Promise<Product[] | undefined>): Promise<Product[]>;
}

type Load = (names: readonly string[]) => Promise<ByName>;

const NO_PRODUCTS: ByName = new Map();
const byName = (products: Product[]): ByName => new Map(products.map((each) => [nameOf(each.id), [each]]));
const productsOf = (values: ByName): Product[] => [...values.values()].flat();
const ignore = (): undefined => undefined;

/** The products that other readers are loading. If such a load fails, for instance because its caller is gone, it loads again. */
async function joinAll(joined: ReadonlyMap<string, Promise<ByName>>, load: Load): Promise<Product[]> {
  const [products, failed]: [Product[], string[]] = [[], []];
  for (const [name, loading] of joined) {
    const loaded = await loading.catch(() => void failed.push(name));
    products.push(...(loaded?.get(name) ?? []));
  }
  return failed.length > 0 ? [...products, ...productsOf(await load(failed))] : products;
}

export function createProductCache(store: CacheStore, fenceMs = DEFAULT_FENCE_MS): ProductCache {
  /** The loads under way, by the token of their leases. */
  const loading = new Map<string, Promise<ByName>>();

  async function read(kind: 'product' | 'page', names: readonly string[], load: Load): Promise<Product[]> {
    const token = randomUUID();
    const entries = await store.claim(names, token).catch(ignore);
    const [found, own]: [Product[], string[]] = [[], []];
    const joined = new Map<string, Promise<ByName>>();
    for (const [index, name] of names.entries()) {
      const entry = entries?.[index] ?? { kind: 'fence' };
      // A lease of a product proves that no write of it has begun. A lease of a page does not prove that for its products.
      const under = entry.kind === 'lease' && kind === 'product' ? loading.get(entry.token) : undefined;
      if (entry.kind === 'products') found.push(...entry.products);
      else if (under) joined.set(name, under);
      else own.push(name);
    }
    const missing = own.length + joined.size;
    countLookUps(kind, 'hit', names.length - missing);
    countLookUps(kind, entries ? 'miss' : 'bypass', missing);
    if (missing === 0) return found;
    const loaded = own.length > 0 ? load(own) : Promise.resolve(NO_PRODUCTS);
    if (entries?.some((entry) => entry.kind === 'lease' && entry.token === token)) {
      loading.set(token, loaded);
      // No reader waits for the filling. After a failed load, filling without values deletes the leases.
      const filled = loaded.catch(() => NO_PRODUCTS).then((values) => store.fill(own, token, values));
      void filled.catch(ignore).finally(() => loading.delete(token));
    }
    return [...found, ...productsOf(await loaded), ...(await joinAll(joined, load))];
  }

  return {
    byIds: (ids, load) =>
      read('product', ids.map(nameOf), async (names) => byName(await load(names.map(idOf)))),
    page: (key, load) => read('page', [PAGE + key], async ([name = '']) => new Map([[name, await load()]])),
    write: async (ids, work) => {
      const [token, names] = [randomUUID(), ids.map(nameOf)];
      const settle = (written: ByName | undefined) => store.settle(names, token, written).catch(ignore);
      await store.fence(names, token).catch(ignore);
      const written = await work().catch((error: unknown) => {
        // Readers read PostgreSQL until the outcome of the write is known or the fence has expired.
        if (isUndone(error)) void settle(NO_PRODUCTS);
        else
          void (answerTo(error) ?? sleep(fenceMs, undefined, { ref: false })).then(() => settle(undefined));
        throw error;
      });
      await settle(written && byName(written));
      return written ?? [];
    },
  };
}

/** The cache that is off: every read goes to the database. */
export const NO_CACHE: ProductCache = {
  byIds: (ids, load) => load(ids),
  page: (_, load) => load(),
  write: async (_, work) => (await work()) ?? [],
};
