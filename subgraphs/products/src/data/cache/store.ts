// What the cache asks of the place that it keeps things in: Redis, shared by all instances, or the process.
//
// An entry is a product or a page of them. A reader that finds nothing leases it, reads PostgreSQL and fills it in. Writers
// fence their products, which ends what was kept or leased of them. A page ends with a change of any product, and is not
// shown while one of its own is fenced.
import type { Product } from '../product-row.ts';

export type Entry =
  | { readonly kind: 'products'; readonly products: readonly Product[] }
  | { readonly kind: 'lease'; readonly token: string }
  | { readonly kind: 'fence' };

/** By the names of their entries. */
export type ByName = ReadonlyMap<string, readonly Product[]>;

/** To others, each call is one step. Any may reject, as when Redis does not answer in time. */
export interface CacheStore {
  /** What is there under each name, which is a new lease of the token where nothing was. */
  claim(names: readonly string[], token: string): Promise<Entry[]>;
  /** Fills in those leases of the token that still stand. One without a value goes away. */
  fill(names: readonly string[], token: string, values: ByName): Promise<void>;
  /** Before products are written. */
  fence(names: readonly string[], token: string): Promise<void>;
  /** Ends fences. Keeps what was `written` (undefined: perhaps anything) by no more than one writer at a time. */
  settle(names: readonly string[], token: string, written: ByName | undefined): Promise<void>;
}

export const nameOf = (id: number): string => `product:${id}`;
export const idOf = (name: string): number => Number(name.slice(nameOf(0).length - 1));
export const PAGE = 'page:';
/** Longer than a write takes, but for a commit that hangs. A fence that ends by itself counts as a change. */
export const FENCE_MS = 30_000;
/** The first part of an entry's life: how long a reader may take to fill it in. */
export const leaseOf = (ttlMs: number): number => Math.ceil(ttlMs / 6);
/** Spreads expiries by up to a fifth, so that what was filled together is not missed together. */
export const jittered = (ttlMs: number): number => Math.floor(ttlMs * (0.8 + Math.random() * 0.2));
