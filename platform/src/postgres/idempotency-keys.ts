// The table `idempotency_keys` of a service's schema: how long it keeps a key, and the sweep of older keys. The statement that does
// the work of a request also inserts its key; no statement changes a key.
import { count, milliseconds } from '../settings.ts';
import type { Queryable } from './database.ts';
import { bigint, doublePrecision, statement, text } from './sql.ts';
import { deleteOldest } from './sweeper.ts';

export const idempotencyKeySettings = {
  IDEMPOTENCY_KEY_DAYS: count('days', 90, 1, 3_650).describe(
    'How long an idempotency key is kept. A retry after that is a new request.',
  ),
  IDEMPOTENCY_SWEEP_MS: milliseconds(3_600_000, 86_400_000, 100).describe(
    'How often older keys are deleted, and reservations of orders that have been over for 90 days.',
  ),
};

/** Deletes at most `max` keys that were used more than `days` days ago; returns how many. */
export type SweepKeys = (db: Queryable, max: number, days: number) => Promise<number>;

/** Creates the sweep of one schema. It declares a statement, so call it once, when a module is loaded. */
export function createKeySweep(schema: string): SweepKeys {
  const table = `${schema}.idempotency_keys`;
  const sweep = statement({
    name: `${schema}_idempotency_keys_sweep`,
    text: `${deleteOldest(table, 'created_at', "created_at < now() - $days * interval '1 day'")} RETURNING key`,
    parameters: { max: bigint, days: doublePrecision },
    row: { key: text },
  });
  return async (db, max, days) => (await sweep(db, { max, days })).length;
}
