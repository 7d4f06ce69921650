// The rows of `products.idempotency_keys`: which key of a client has done what. Each is written by the very statement
// that creates a product or changes its stock (products.ts), is never changed, and is swept when it is old.
import {
  brokenUniqueConstraint,
  type Queryable,
  type Statement,
  statement,
} from '@holdfast/platform/database';

/** A client's key and the SHA-256 of the request that came with it. */
export interface Idempotency {
  readonly userId: number;
  readonly key: string;
  readonly hash: Buffer;
}

/** Whether a statement was undone because another one had used its key. */
export const isKeyUsed = (error: unknown): boolean =>
  brokenUniqueConstraint(error) === 'idempotency_keys_pkey';

// One instance sweeps at a time: two that chose the same rows could lock them in different orders. (FOR UPDATE SKIP LOCKED
// would need the right to update, which the service does not have on this table.)
const sweep: Statement<[max: number, days: number], { readonly key: string }> = statement(
  'idempotency_keys_sweep',
  `DELETE FROM products.idempotency_keys
    WHERE (user_id, key) IN (SELECT user_id, key FROM products.idempotency_keys
                              WHERE created_at < now() - $2 * interval '1 day'
                                AND (SELECT pg_try_advisory_xact_lock(hashtext('products.idempotency_keys')))
                              ORDER BY created_at LIMIT $1)
RETURNING key`,
);

/** Deletes at most `max` keys that were used more than `days` days ago; returns how many. */
export const sweepKeys = async (db: Queryable, max: number, days: number): Promise<number> =>
  (await sweep(db, max, days)).length;
