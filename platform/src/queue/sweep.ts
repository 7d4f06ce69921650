// The sweep of the queue, which every worker runs periodically. It returns the jobs of lost workers to the queue, and lets no job
// wait longer than the longest pause of this system.
import type pg from 'pg';
import type { Logger } from '../observability/log.ts';
import { doublePrecision, integer, notNull, statement } from '../postgres/sql.ts';
import { type Repetition, repeat } from '../repeat.ts';
import { LONGEST_PAUSE_MS } from './give-way.ts';

const COUNTED = 'a count is 0 without rows';

/** The beginning of `last_error` of a job that can never be done. */
export const UNWORKABLE = 'cannot be done: ';

/**
 * Writes SQL of type boolean: whether the queue keeps a job, tried or parked, that was added before `time` (SQL). The job with the
 * lowest id is the oldest, apart from jobs that were added in the same moment.
 */
export const keepsJobOf = (time: string): string =>
  `coalesce((SELECT created_at FROM graphile_worker._private_jobs ORDER BY id LIMIT 1) < ${time}, false)`;

/**
 * graphile-worker itself returns the jobs of lost workers after four hours, and counts a lost worker as a failed attempt, which it
 * is not. A failed job is tried again soon, because the cause may be over.
 *
 * A time further in the future than our longest pause means that the clock of PostgreSQL has stepped back: a job that was added
 * before the step is due, and a job that was locked before it may have lost its worker. Two workers may then run the same job,
 * which is safe because every handler is idempotent.
 */
const sweepJobs = statement({
  name: 'queue_sweep',
  text: `WITH lost AS (
     UPDATE graphile_worker._private_jobs
        SET locked_at = NULL, locked_by = NULL, attempts = greatest(attempts - 1, 0)
      WHERE locked_at NOT BETWEEN now() - $leaseMs * interval '1 millisecond' AND now() + $leaseMs * interval '1 millisecond'
     RETURNING id
   ), failed AS (
     UPDATE graphile_worker._private_jobs SET run_at = now() + $backOffMs * interval '1 millisecond'
      WHERE locked_at IS NULL AND attempts > 0 AND run_at > now() + $backOffMs * interval '1 millisecond'
   ), untried AS (
     UPDATE graphile_worker._private_jobs SET run_at = now()
      WHERE locked_at IS NULL AND attempts = 0 AND run_at > now() + $pauseMs * interval '1 millisecond'
   ), parked AS (
     SELECT graphile_worker.permanently_fail_jobs(array_agg(id), min(last_error))
       FROM graphile_worker._private_jobs
      WHERE locked_at IS NULL AND attempts < max_attempts AND last_error LIKE '${UNWORKABLE}%'
        AND run_at <= now() + $backOffMs * interval '1 millisecond'
      GROUP BY last_error
   )
   SELECT (SELECT count(*)::int FROM lost) AS lost, (SELECT count(*)::int FROM parked) AS parked,
          (SELECT count(*)::int FROM graphile_worker._private_jobs WHERE attempts >= max_attempts) AS dead`,
  parameters: { leaseMs: doublePrecision, backOffMs: doublePrecision, pauseMs: doublePrecision },
  row: {
    lost: notNull(integer, COUNTED),
    parked: notNull(integer, COUNTED),
    dead: notNull(integer, COUNTED),
  },
});

/** The pause before a failed job is tried again grows up to this. */
const LONGEST_BACK_OFF_MS = 30_000;

/** Sweeps now, and then twice a lease. A sweep that is slow does not delay the next one: its time is taken off the pause. */
export function startSweeping(pool: pg.Pool, leaseMs: number, log: Logger): Repetition {
  const everyMs = leaseMs / 2;
  let startedAt = 0;

  async function sweep(): Promise<void> {
    startedAt = performance.now();
    const parameters = { leaseMs, backOffMs: LONGEST_BACK_OFF_MS, pauseMs: LONGEST_PAUSE_MS };
    const [{ lost = 0, dead = 0 } = {}] = await sweepJobs(pool, parameters);
    if (lost > 0) log.warn({ jobs: lost }, 'jobs of a lost worker are returned to the queue');
    if (dead > 0) log.error({ jobs: dead }, 'jobs have been given up; see graphile_worker.jobs');
  }
  return repeat(sweep, {
    everyMs: () => Math.max(0, startedAt + everyMs - performance.now()),
    onError: (error) => log.warn({ err: error }, 'the queue could not be searched for lost jobs'),
  });
}
