// What the cache needs of the place that it keeps things in: in Redis, shared by all instances, or in the process.
//
// An entry is a product at a version, or a lease (somebody who found nothing is reading the database to fill it), or a
// fence (somebody is writing the product: until the last of them has published, whoever reads goes to the database). A
// fence takes the place of anything, a lease only that of nothing.
import type { Product } from '../product-row.ts';

export type Entry =
  | { readonly kind: 'product'; readonly product: Product }
  | { readonly kind: 'lease'; readonly token: string }
  | { readonly kind: 'fence' }
  | { readonly kind: 'none' };

/** A page, or the generation under which one may be filled in; undefined while somebody writes. */
export type PageEntry =
  | { readonly kind: 'page'; readonly products: Product[] }
  | { readonly kind: 'none'; readonly generation: string | undefined };

/** Each call is one round trip and, to others, one step. Any may reject with RedisUnavailable. */
export interface CacheStore {
  read(ids: readonly number[]): Promise<Entry[]>;
  /** Sets leases where there is nothing, and gives what is there then: this lease, or what somebody else was faster with. */
  lease(ids: readonly number[], token: string): Promise<Entry[]>;
  /** Turns the leases of that token into products; a lease without a product goes away. */
  fill(ids: readonly number[], token: string, products: ReadonlyMap<number, Product>): Promise<void>;
  /** Before a product is written: fences it, and moves the generation of pages on. */
  fence(id: number, token: string): Promise<void>;
  /**
   * After it was written, or, without a product, after nothing was changed. While other writers of it are under way the
   * fence stays and keeps the newest product that any of them has published; the last one puts that in its place.
   */
  publish(id: number, token: string, product: Product | undefined): Promise<void>;
  readPage(key: string): Promise<PageEntry>;
  /** Keeps a page that was read under `generation`, if nobody has written since. */
  fillPage(key: string, generation: string, products: readonly Product[]): Promise<void>;
}

/** A last resort: what is right stays right without it. */
export const PRODUCT_TTL_MS = 300_000;
export const PAGE_TTL_MS = 60_000;
/** A reader that has not filled its lease by now is gone. */
export const LEASE_TTL_MS = 5_000;
/** Longer than an ordinary write takes. The fence of one that hangs is renewed, or the cache not used (write-watch.ts). */
export const FENCE_TTL_MS = 30_000;

/** Spreads expiries by up to a fifth, so that what was filled together is not missed together. */
export const jittered = (ttlMs: number): number => Math.round(ttlMs * (0.8 + Math.random() * 0.2));
