// The rows of `products.idempotency_keys`: which key of a client has done what. Each is written by the very statement
// that creates a product or changes its stock (products.ts), is never changed, and is swept when it is old.
import { brokenUniqueConstraint } from '@holdfast/platform/postgres/database';
import { createKeySweep } from '@holdfast/platform/postgres/idempotency-keys';
import { type ArgumentsOf, bytea, integer, nullable, text } from '@holdfast/platform/postgres/sql';

/** A client's key and the SHA-256 of the request that came with it. */
export interface Idempotency {
  readonly userId: number;
  readonly key: string;
  readonly hash: Buffer;
}

/** The parameters of a statement that writes a key, if there is one. */
export const KEY = { userId: nullable(integer), key: nullable(text), hash: nullable(bytea) };
export const NO_KEY: ArgumentsOf<typeof KEY> = { userId: null, key: null, hash: null };

/** Whether a statement was undone because another one had used its key. */
export const isKeyUsed = (error: unknown): boolean =>
  brokenUniqueConstraint(error) === 'idempotency_keys_pkey';

export const sweepKeys = createKeySweep('products');
