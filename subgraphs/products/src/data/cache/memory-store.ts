// The cache in the process, for a service that runs as one instance without Redis. The same rules as in Redis, each
// call one synchronous step; bounded by size, least recently used first.
import { LRUCache } from 'lru-cache';
import type { Product } from '../product-row.ts';
import {
  type CacheStore,
  type Entry,
  FENCE_TTL_MS,
  jittered,
  LEASE_TTL_MS,
  PAGE_TTL_MS,
  PRODUCT_TTL_MS,
} from './store.ts';

type Cached =
  | { readonly kind: 'product'; readonly product: Product }
  | { readonly kind: 'lease'; readonly token: string }
  | { readonly kind: 'fence'; readonly tokens: Map<string, number>; newest: Product | undefined };

type Fence = Extract<Cached, { kind: 'fence' }>;

const ENTRY_BYTES = 300;
const sizeOf = (product: Product): number =>
  Object.values(product).reduce<number>(
    (sum, value) => (typeof value === 'string' ? sum + 2 * value.length : sum),
    ENTRY_BYTES,
  );

/** @param maxBytes roughly; a quarter of it is for pages */
export function createMemoryStore(maxBytes: number): CacheStore {
  const entries = new LRUCache<number, Cached>({
    maxSize: Math.ceil(maxBytes * 0.75),
    sizeCalculation: (entry) => (entry.kind === 'product' ? sizeOf(entry.product) : ENTRY_BYTES),
  });
  const pages = new LRUCache<string, { generation: string; products: readonly Product[] }>({
    maxSize: Math.ceil(maxBytes * 0.25),
    sizeCalculation: ({ products }) => products.reduce((sum, product) => sum + sizeOf(product), ENTRY_BYTES),
  });
  let generation = 0;
  /** When each write counts as lost, by its token. */
  const writers = new Map<string, number>();

  function forgetExpired(tokens: Map<string, number>): void {
    for (const [token, until] of tokens) if (until < Date.now()) tokens.delete(token);
  }
  function writing(): boolean {
    forgetExpired(writers);
    return writers.size > 0;
  }
  const keep = (id: number, entry: Cached, ttl: number) => entries.set(id, entry, { ttl });

  return {
    read: async (ids) => ids.map((id): Entry => entries.get(id) ?? { kind: 'none' }),
    lease: async (ids, token) =>
      ids.map((id): Entry => {
        if (!entries.has(id)) keep(id, { kind: 'lease', token }, LEASE_TTL_MS);
        return entries.get(id) ?? { kind: 'none' };
      }),
    fill: async (ids, token, products) => {
      for (const id of ids) {
        const current = entries.get(id);
        if (current?.kind !== 'lease' || current.token !== token) continue;
        const product = products.get(id);
        if (product) keep(id, { kind: 'product', product }, jittered(PRODUCT_TTL_MS));
        else entries.delete(id);
      }
    },
    fence: async (id, token) => {
      const until = Date.now() + FENCE_TTL_MS;
      const current = entries.get(id);
      const fence: Fence =
        current?.kind === 'fence' ? current : { kind: 'fence', tokens: new Map(), newest: undefined };
      fence.tokens.set(token, until);
      keep(id, fence, FENCE_TTL_MS);
      generation += 1;
      writers.set(token, until);
    },
    publish: async (id, token, product) => {
      writers.delete(token);
      generation += 1;
      const fence = entries.get(id);
      // It was pushed out by others: whoever reads next asks the database.
      if (fence?.kind !== 'fence' || !fence.tokens.delete(token)) return void entries.delete(id);
      if (product && product.version > (fence.newest?.version ?? 0)) fence.newest = product;
      forgetExpired(fence.tokens);
      if (fence.tokens.size > 0) return;
      if (fence.newest) keep(id, { kind: 'product', product: fence.newest }, jittered(PRODUCT_TTL_MS));
      else entries.delete(id);
    },
    readPage: async (key) => {
      if (writing()) return { kind: 'none', generation: undefined };
      const page = pages.get(key);
      if (page?.generation === String(generation)) return { kind: 'page', products: [...page.products] };
      return { kind: 'none', generation: String(generation) };
    },
    fillPage: async (key, under, products) => {
      if (writing() || under !== String(generation)) return;
      pages.set(key, { generation: under, products }, { ttl: jittered(PAGE_TTL_MS) });
    },
  };
}
