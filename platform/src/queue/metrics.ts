// Metrics of the queue: waiting jobs and the outcomes of runs. A service reports the tasks that it works on. All its instances read
// the same table and so report the same numbers: take the max over them, not the sum.
import type pg from 'pg';
import type { Logger } from '../observability/log.ts';
import { Counter, DURATION_BUCKETS, Histogram, registry, secondsSince } from '../observability/metrics.ts';
import { createScrapedGauges } from '../observability/scraped-gauges.ts';
import { arrayOf, doublePrecision, integer, notNull, statement, text } from '../postgres/sql.ts';
import { givesWay } from './give-way.ts';

const SAME = 'Every instance reports the same number: take max by (task).';

const gauges = createScrapedGauges(
  {
    queue_jobs: `Jobs that wait or run. ${SAME}`,
    queue_oldest_job_age_seconds: `Age of the oldest of these jobs; 0 without jobs. ${SAME}`,
    queue_dead_jobs: `Jobs that were given up after their last attempt. ${SAME}`,
  },
  ['task'],
);

const durations = new Histogram({
  name: 'queue_job_duration_seconds',
  help: 'Runs of jobs; a run that fails, or gives way because of a lock, is repeated.',
  labelNames: ['task', 'outcome'],
  buckets: DURATION_BUCKETS,
  registers: [registry],
});

const retries = new Counter({
  name: 'queue_job_retries_total',
  help: 'Runs of jobs that had failed before.',
  labelNames: ['task'],
  registers: [registry],
});

const selectTasks = statement({
  name: 'queue_gauges',
  text: `SELECT task, count(id) FILTER (WHERE attempts < max_attempts OR locked_at IS NOT NULL)::int AS jobs,
          coalesce(extract(epoch FROM now() - min(created_at)
            FILTER (WHERE attempts < max_attempts OR locked_at IS NOT NULL)), 0)::float8 AS oldest,
          count(id) FILTER (WHERE attempts >= max_attempts AND locked_at IS NULL)::int AS dead
     FROM unnest($tasks::text[]) AS task LEFT JOIN graphile_worker.jobs ON task_identifier = task
    GROUP BY task`,
  parameters: { tasks: arrayOf(text) },
  row: {
    task: notNull(text, 'it is an element of $tasks'),
    jobs: notNull(integer, 'a count is 0 without rows'),
    oldest: notNull(doublePrecision, 'coalesce says 0'),
    dead: notNull(integer, 'a count is 0 without rows'),
  },
});

/** Reports the jobs of `tasks` at every scrape, over a connection of `pool`. */
export function observeQueue(pool: pg.Pool, tasks: readonly string[], log: Logger): void {
  gauges.readBy(async () => {
    const rows = await selectTasks(pool, { tasks });
    return rows.map(({ task, jobs, oldest, dead }) => ({
      labels: { task },
      values: { queue_jobs: jobs, queue_oldest_job_age_seconds: oldest, queue_dead_jobs: dead },
    }));
  }, log);
}

/** Creates a function that measures a run of `task`. It rejects as `run` does. */
export function measureTask(task: string): (attempt: number, run: () => Promise<void>) => Promise<void> {
  const ok = { task, outcome: 'ok' };
  const error = { task, outcome: 'error' };
  const gaveWay = { task, outcome: 'gave_way' };
  for (const labels of [ok, error, gaveWay]) durations.zero(labels);
  const again = retries.labels(task);
  again.inc(0);
  return async (attempt, run) => {
    if (attempt > 1) again.inc();
    const startedAt = performance.now();
    let outcome = error;
    try {
      await run();
      outcome = ok;
    } catch (failure) {
      if (givesWay(failure)) outcome = gaveWay;
      throw failure;
    } finally {
      durations.observe(outcome, secondsSince(startedAt));
    }
  };
}
