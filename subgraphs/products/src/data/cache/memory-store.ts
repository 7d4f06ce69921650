// The cache in the memory of the process, for one instance without Redis: the same rules, with a limited size. A fence never expires.
import { LRUCache } from 'lru-cache';
import type { Product } from '../product-row.ts';
import { type CacheStore, type Entry, jittered, leaseOf, nameOf, PAGE } from './store.ts';

type Kept = Exclude<Entry, { kind: 'fence' }>;

const ENTRY_BYTES = 300;
const sizeOf = ({ name, description }: Product): number => ENTRY_BYTES + 2 * `${name}${description}`.length;

/** @param maxBytes approximate; pages get a quarter of it */
export function createMemoryStore(ttlMs: number, maxBytes: number): CacheStore {
  const create = (share: number) =>
    new LRUCache<string, Kept>({
      maxSize: Math.ceil(maxBytes * share),
      sizeCalculation: (kept) =>
        (kept.kind === 'lease' ? [] : kept.products).reduce((sum, each) => sum + sizeOf(each), ENTRY_BYTES),
    });
  const [products, pages] = [create(0.75), create(0.25)];
  const entriesOf = (name: string): LRUCache<string, Kept> => (name.startsWith(PAGE) ? pages : products);
  const fences = new Map<string, { readonly writers: number; readonly isShared: boolean }>();
  const keep = (name: string, value: readonly Product[], ttl: number) =>
    entriesOf(name).set(name, { kind: 'products', products: value }, { ttl: jittered(ttl) });

  return {
    claim: async (names, token) =>
      names.map((name) => {
        const entry = entriesOf(name).get(name) ?? { kind: 'lease', token };
        const shown = entry.kind === 'products' && fences.size > 0 ? entry.products : [];
        if (fences.has(name) || shown.some(({ id }) => fences.has(nameOf(id)))) return { kind: 'fence' };
        if (!entriesOf(name).has(name)) entriesOf(name).set(name, entry, { ttl: leaseOf(ttlMs) });
        return entry;
      }),
    fill: async (names, token, values) => {
      for (const name of names) {
        const entry = entriesOf(name).get(name);
        if (entry?.kind !== 'lease' || entry.token !== token) continue;
        const value = values.get(name);
        if (value) keep(name, value, ttlMs - leaseOf(ttlMs));
        else entriesOf(name).delete(name);
      }
    },
    fence: async (names) => {
      for (const name of names) {
        const { writers } = fences.get(name) ?? { writers: 0 };
        fences.set(name, { writers: writers + 1, isShared: writers > 0 });
        products.delete(name);
      }
    },
    settle: async (names, _, written) => {
      if (written?.size !== 0) pages.clear();
      for (const name of names) {
        const { writers, isShared } = fences.get(name) ?? { writers: 0, isShared: true };
        if (writers > 1) fences.set(name, { writers: writers - 1, isShared: true });
        else fences.delete(name);
        const value = written?.get(name);
        if (value && !isShared) keep(name, value, ttlMs);
      }
    },
  };
}
