// The interface between the cache and its store: Redis, which all instances share, or the memory of the process.
//
// An entry is a product or a page of products. A reader that finds no entry takes a lease, reads PostgreSQL and fills the entry. A
// writer sets a fence on its products, which ends their entries and leases. A change of any product ends all pages, and a page is
// not used while one of its products is fenced.
import type { Product } from '../product-row.ts';

export type Entry =
  | { readonly kind: 'products'; readonly products: readonly Product[] }
  | { readonly kind: 'lease'; readonly token: string }
  | { readonly kind: 'fence' };

/** Products by the names of their entries. */
export type ByName = ReadonlyMap<string, readonly Product[]>;

/** Each call is atomic. A call may reject, for instance when Redis does not answer in time. */
export interface CacheStore {
  /** The entry of each name. For a name without an entry, a new lease with the token. */
  claim(names: readonly string[], token: string): Promise<Entry[]>;
  /** Fills the leases of the token that still exist. A lease without a value is deleted. */
  fill(names: readonly string[], token: string, values: ByName): Promise<void>;
  /** Sets fences before products are written. */
  fence(names: readonly string[], token: string): Promise<void>;
  /**
   * Ends the fences of the token. Stores the `written` values of products that only one writer has fenced. Undefined means that
   * any of the products may have changed.
   */
  settle(names: readonly string[], token: string, written: ByName | undefined): Promise<void>;
}

export const nameOf = (id: number): string => `product:${id}`;
export const idOf = (name: string): number => Number(name.slice(nameOf(0).length - 1));
export const PAGE = 'page:';
/** Longer than any write takes, except for a commit that hangs. A fence that expires counts as a change. */
export const DEFAULT_FENCE_MS = 30_000;
/** The first part of an entry's life: how long a reader may take to fill its lease. */
export const leaseOf = (ttlMs: number): number => Math.ceil(ttlMs / 6);
/** Shortens a life by up to a fifth at random, so that entries which were filled together do not expire together. */
export const jittered = (ttlMs: number): number => Math.floor(ttlMs * (0.8 + Math.random() * 0.2));
