// The table `products.idempotency_keys`: what a client's key stands for. The statement that creates a product or changes its stock
// writes the key (product-statements.ts). Keys never change, and a sweep deletes old ones.
import { brokenUniqueConstraint } from '@holdfast/platform/postgres/database';
import { createKeySweep } from '@holdfast/platform/postgres/idempotency-keys';
import { type ArgumentsOf, bytea, integer, nullable, text } from '@holdfast/platform/postgres/sql';

/** A client's key and the SHA-256 of the request that came with it. */
export interface Idempotency {
  readonly userId: number;
  readonly key: string;
  readonly hash: Buffer;
}

/** The parameters of a statement that also writes a key, if the request has one. */
export const KEY = { userId: nullable(integer), key: nullable(text), hash: nullable(bytea) };
export const NO_KEY: ArgumentsOf<typeof KEY> = { userId: null, key: null, hash: null };

/** Whether PostgreSQL rolled a statement back because another statement had used its key. */
export const isKeyUsed = (error: unknown): boolean =>
  brokenUniqueConstraint(error) === 'idempotency_keys_pkey';

export const sweepKeys = createKeySweep('products');
