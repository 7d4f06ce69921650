// Reads products through the cache and fences them there while they are written: docs/decisions/0023-cache-with-leases-and-fences.md says what is promised.
//
// A fence is set before the commit and ends any lease, so what a slow reader brings back from before is not let in. (Leases:
// Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013.) A write that cannot reach the store goes on without; that is
// what the entries' time to live is for. That there is no product is never kept, because ids can be guessed before.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerTo, isUndone } from '@holdfast/platform/postgres/unanswered';
import { countLookUps } from '../../metrics.ts';
import type { Product } from '../product-row.ts';
import { type ByName, type CacheStore, FENCE_MS, idOf, nameOf, PAGE } from './store.ts';

export interface ProductCache {
  /** Products by id, archived ones included. `load` reads those that are not cached from the database, all at once. */
  byIds(ids: readonly number[], load: (ids: readonly number[]) => Promise<Product[]>): Promise<Product[]>;
  /** A page of the list that `key` stands for. */
  page(key: string, load: () => Promise<Product[]>): Promise<Product[]>;
  /** Runs a write of the products with these ids; it gives those that it changed, or undefined when they could not be read. */
  write(ids: readonly number[], work: () => Promise<Product[] | undefined>): Promise<Product[]>;
}

type Load = (names: readonly string[]) => Promise<ByName>;

const NOTHING: ByName = new Map();
const byName = (products: Product[]): ByName => new Map(products.map((each) => [nameOf(each.id), [each]]));
const productsOf = (values: ByName): Product[] => [...values.values()].flat();
const ignore = (): undefined => undefined;

/** What other readers are loading. A load that failed, as when its caller left, is made good by one of our own. */
async function joinAll(joined: ReadonlyMap<string, Promise<ByName>>, load: Load): Promise<Product[]> {
  const [products, failed]: [Product[], string[]] = [[], []];
  for (const [name, loading] of joined) {
    const loaded = await loading.catch(() => void failed.push(name));
    products.push(...(loaded?.get(name) ?? []));
  }
  return failed.length > 0 ? [...products, ...productsOf(await load(failed))] : products;
}

export function createProductCache(store: CacheStore): ProductCache {
  /** Loads under way, by the token of their leases. */
  const loading = new Map<string, Promise<ByName>>();

  async function read(kind: 'product' | 'page', names: readonly string[], load: Load): Promise<Product[]> {
    const token = randomUUID();
    const entries = await store.claim(names, token).catch(ignore);
    const [found, own]: [Product[], string[]] = [[], []];
    const joined = new Map<string, Promise<ByName>>();
    for (const [index, name] of names.entries()) {
      const entry = entries?.[index] ?? { kind: 'fence' };
      // No write of a product has begun while its lease stands; one of a product on a page may have.
      const under = entry.kind === 'lease' && kind === 'product' ? loading.get(entry.token) : undefined;
      if (entry.kind === 'products') found.push(...entry.products);
      else if (under) joined.set(name, under);
      else own.push(name);
    }
    const missing = own.length + joined.size;
    countLookUps(kind, 'hit', names.length - missing);
    countLookUps(kind, entries ? 'miss' : 'bypass', missing);
    if (missing === 0) return found;
    const loaded = own.length > 0 ? load(own) : Promise.resolve(NOTHING);
    if (entries?.some((entry) => entry.kind === 'lease' && entry.token === token)) {
      loading.set(token, loaded);
      // No reader waits for this. A load that failed gives its leases back.
      const filled = loaded.catch(() => NOTHING).then((values) => store.fill(own, token, values));
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
        // Until it is known what became of the write, or the fence has run out, readers ask PostgreSQL.
        if (isUndone(error)) void settle(NOTHING);
        else
          void (answerTo(error) ?? sleep(FENCE_MS, undefined, { ref: false })).then(() => settle(undefined));
        throw error;
      });
      await settle(written && byName(written));
      return written ?? [];
    },
  };
}

/** No cache: everything is read from the database. */
export const NO_CACHE: ProductCache = {
  byIds: (ids, load) => load(ids),
  page: (_, load) => load(),
  write: async (_, work) => (await work()) ?? [],
};
