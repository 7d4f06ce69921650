// Deletes old rows periodically, in batches, for as long as a service runs.
import type pg from 'pg';
import type { Logger } from '../observability/log.ts';
import { Counter, registry } from '../observability/metrics.ts';
import { type Repetition, repeat } from '../repeat.ts';
import { createWorkerPool } from './database.ts';

export interface SweeperOptions {
  /** The name of the deleted rows, for the log: "old sessions". */
  readonly what: string;
  /** Deletes at most `max` rows and returns how many it deleted. Several instances may run it at the same time. */
  readonly sweep: (max: number) => Promise<number>;
  readonly everyMs: number;
  readonly log: Logger;
  /** From 0 to 1: the part of `everyMs` before the first sweep, so that instances do not begin together. */
  readonly random?: () => number;
}

const swept = new Counter({
  name: 'swept_total',
  help: 'Old rows that were deleted.',
  labelNames: ['what'],
  registers: [registry],
});
const failures = new Counter({
  name: 'sweep_failures_total',
  help: 'Sweeps that failed. The next sweep goes on.',
  labelNames: ['what'],
  registers: [registry],
});

/**
 * Writes SQL that deletes the oldest rows of a table, at most `$max`. Only one instance sweeps a table at a time, because two could
 * lock the same rows in different orders. (FOR UPDATE SKIP LOCKED needs the right to update, which not every service has.)
 * @param table as SCHEMA.NAME; the schema has `try_turn`
 * @param age the column with the age of a row
 * @param isOld SQL of type boolean. No statement may change a row for which it is true, because the row is found by its ctid
 */
export function deleteOldest(table: string, age: string, isOld: string): string {
  const [schema, name] = table.split('.');
  return `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
     SELECT ctid FROM (
       SELECT ctid FROM ${table}
        WHERE ${isOld} AND (SELECT ${schema}.try_turn('sweep of ${name}'))
        ORDER BY ${age} LIMIT 1000
     ) AS old LIMIT $max))`;
}

/** The most rows that one statement deletes. */
const AT_ONCE = 100;

export function startSweeper({
  what,
  sweep,
  everyMs,
  log,
  random = Math.random,
}: SweeperOptions): Repetition {
  for (const counter of [swept, failures]) counter.inc({ what }, 0);

  async function sweepAll(signal: AbortSignal): Promise<void> {
    let count = 0;
    for (let some = AT_ONCE; some === AT_ONCE && !signal.aborted; count += some) {
      some = await sweep(AT_ONCE);
      swept.inc({ what }, some);
    }
    if (count > 0) log.info({ count }, `${what} are deleted`);
  }

  return repeat(sweepAll, {
    everyMs,
    firstAfterMs: random() * everyMs,
    // The next sweep deletes what this one left.
    onError: (error) => {
      failures.inc({ what });
      log.warn({ err: error }, `${what} could not be deleted`);
    },
  });
}

export interface SweepersOptions {
  /** Sweeps over a connection, by what they delete. */
  readonly sweeps: (db: pg.Pool) => Readonly<Record<string, SweeperOptions['sweep']>>;
  readonly url: string;
  /** The name of the service, for pg_stat_activity. */
  readonly service: string;
  readonly everyMs: number;
  readonly log: Logger;
}

/** Starts the sweepers of a service. They share one connection of their own: no sweep is urgent. */
export function startSweepers({ sweeps, url, service, everyMs, log }: SweepersOptions): Repetition {
  const pool = createWorkerPool({ url, max: 1, applicationName: `${service} sweep`, log });
  const sweepers = Object.entries(sweeps(pool)).map(([what, sweep]) =>
    startSweeper({ what, sweep, everyMs, log }),
  );
  return {
    stop: async () => {
      await Promise.all(sweepers.map((sweeper) => sweeper.stop()));
      await pool.end();
    },
  };
}
