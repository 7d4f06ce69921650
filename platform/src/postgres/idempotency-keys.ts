// The table `idempotency_keys` of a service's schema: how long a key is remembered, and the sweep of older ones. A key is
// written by the very statement whose effect it stands for, and is never changed.
import type { z } from 'zod';
import { count, milliseconds } from '../lifecycle/config.ts';
import type { Logger } from '../observability/log.ts';
import { createWorkerPool, type Queryable } from './database.ts';
import { bigint, doublePrecision, statement, text } from './sql.ts';
import { deleteOldest, type Sweeper, startSweeper } from './sweeper.ts';

export const idempotencyKeySettings = {
  IDEMPOTENCY_KEY_DAYS: count('days', 90, 1, 3_650).describe(
    'How long an idempotency key is kept. A retry after that is a new request.',
  ),
  IDEMPOTENCY_SWEEP_MS: milliseconds(3_600_000, 86_400_000, 100).describe(
    'How often older keys are deleted, and reservations of orders that have been over for 90 days.',
  ),
};
type IdempotencyKeySettings = z.infer<z.ZodObject<typeof idempotencyKeySettings>>;

/** Deletes at most `max` keys that were used more than `days` days ago; returns how many. */
export type SweepKeys = (db: Queryable, max: number, days: number) => Promise<number>;

/** The sweep of one schema. Declares its statement, so it is called once, when a module is loaded. */
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

export interface SweepsOptions {
  /** By what they delete. */
  readonly sweeps: Readonly<Record<string, SweepKeys>>;
  /** The service's name. */
  readonly service: string;
  readonly settings: IdempotencyKeySettings & { readonly DATABASE_URL: string };
  readonly log: Logger;
}

/** Sweeps over one connection of its own: it is no request's statement. */
export function startSweeps({ sweeps, service, settings, log }: SweepsOptions): Sweeper {
  const { DATABASE_URL: url, IDEMPOTENCY_KEY_DAYS: days, IDEMPOTENCY_SWEEP_MS: everyMs } = settings;
  const pool = createWorkerPool({ url, max: 1, applicationName: `${service} sweep`, log });
  const sweepers = Object.entries(sweeps).map(([what, sweep]) =>
    startSweeper({ what, sweep: (max) => sweep(pool, max, days), everyMs, log }),
  );
  return {
    stop: async () => {
      await Promise.all(sweepers.map((sweeper) => sweeper.stop()));
      await pool.end();
    },
  };
}
