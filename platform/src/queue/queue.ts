// The job queue: graphile-worker, whose jobs are in PostgreSQL. A job is added in the transaction of the work that it follows, and a
// handler is one transaction that also adds the following jobs. So a crash at any point causes a retry and never a loss.
import type { Job, TaskList } from 'graphile-worker';
import type pg from 'pg';
import { z } from 'zod';
import type { Logger } from '../observability/log.ts';
import { traceJob } from '../observability/tracing.ts';
import { MOST_AT_ONCE } from '../postgres/batches.ts';
import { createScrapePool, createWorkerPool, type Queryable } from '../postgres/database.ts';
import { bigint, integer, notNull, statement } from '../postgres/sql.ts';
import { count, milliseconds } from '../settings.ts';
import { GiveWay, givesWay, isLockConflict, LOCK_TIMEOUT_MS, putBack } from './give-way.ts';
import { measureTask, observeQueue } from './metrics.ts';
import { startSweeping, UNWORKABLE } from './sweep.ts';
import { keepWorking } from './worker-pool.ts';

/**
 * Runs one job. It must be idempotent, because a job runs at least once. After an error the job is tried again later; after a
 * `GiveWay`, or when a statement met a lock, in a moment and without counting an attempt.
 */
export type JobHandler = (
  payload: unknown,
  job: { readonly id: string; readonly attempt: number; readonly priority: number },
) => Promise<void>;

export interface WorkerOptions {
  readonly settings: WorkerSettings;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Handlers by job name. They use the worker's own connections, so jobs and requests do not starve each other. */
  readonly handlers: (db: pg.Pool) => Readonly<Record<string, JobHandler>>;
  /** Starts gauges of the service over the connection of the queue's gauges. */
  readonly gauges?: (db: pg.Pool) => void;
  /** How many jobs run at a time; default: the size of a batch. */
  readonly jobsAtOnce?: number;
  readonly log: Logger;
}

export interface Worker {
  /** Rejects when the queue cannot be read, has tables of another version of graphile-worker, or no worker fetches jobs. */
  check(): Promise<void>;
  /** Takes no more jobs, finishes the running ones, closes the connections. */
  stop(): Promise<void>;
}

/** Thrown by a handler whose job can never be done. The job is parked: kept, counted as dead and not tried again. */
export class Unworkable extends Error {
  override readonly name = 'Unworkable';

  constructor(reason: string, options?: ErrorOptions) {
    super(UNWORKABLE + reason, options);
  }
}

/** Parses the payload of a job. @throws {Unworkable} when it does not match `schema` */
export function payloadOf<Payload>(schema: z.ZodType<Payload>, payload: unknown): Payload {
  const { data, error } = schema.safeParse(payload);
  if (data === undefined) throw new Unworkable('its payload is malformed', { cause: error });
  return data;
}

/** A job is tried for weeks before it is given up, because it belongs to an order that a customer has seen. */
const MAX_ATTEMPTS = 32_767;

/**
 * The part of a statement's SELECT list that adds a job in that statement, as the column `jobId` (ADDED_JOB).
 * @param name of the job
 * @param payload SQL of type jsonb
 * @param trace SQL of type text, `traceparent()` as a parameter: the job becomes part of the trace that adds it
 */
export const addJob = (name: string, payload: string, trace: string): string =>
  `(graphile_worker.add_job('${name}', (${payload} || jsonb_build_object('traceparent', ${trace}))::json, max_attempts => ${MAX_ATTEMPTS})).id AS "jobId"`;

/** The column that `addJob` adds to a statement's row. */
export const ADDED_JOB = { jobId: notNull(bigint, 'add_job returns the job that it added') };

/** Jobs for the rows of a FROM list. The SQL may use the columns of those rows. */
export interface JobsToAdd {
  readonly name: string;
  /** SQL: a FROM list with its condition. */
  readonly from: string;
  /** SQL of type jsonb. */
  readonly payload: string;
  /** SQL of type text, as for `addJob`. */
  readonly trace: string;
  /** SQL of type integer: jobs with a lower number run first, even when they were added later. */
  readonly priority: string;
  /** SQL: the order of jobs with the same priority. */
  readonly order: string;
}

/**
 * The part of a statement's SELECT list that adds jobs in that statement, with one notification for all of them, as the column
 * `jobs` (ADDED_JOBS). No job is added when the statement returns no row.
 */
export const addJobs = ({ name, from, payload, trace, priority, order }: JobsToAdd): string =>
  `(SELECT count(*) FROM (
      SELECT array_agg(ROW('${name}', (${payload} || jsonb_build_object('traceparent', ${trace}))::json, NULL, NULL,
               ${MAX_ATTEMPTS}, NULL, ${priority}, NULL)::graphile_worker.job_spec ORDER BY ${order}) AS specs
        FROM ${from} HAVING count(*) > 0) AS wanted, graphile_worker.add_jobs(specs)) AS jobs`;

/** The column that `addJobs` adds to a statement's row. */
export const ADDED_JOBS = { jobs: notNull(bigint, 'a count is 0 without rows') };

/** The migration of graphile-worker whose tables our own statements know. */
export const QUEUE_REVISION = 19;

const readRevision = statement({
  name: 'queue_revision',
  text: `SELECT coalesce(max(id), 0) AS revision, coalesce(max(id) FILTER (WHERE breaking), 0) AS breaking
     FROM graphile_worker.migrations`,
  parameters: {},
  row: {
    revision: notNull(integer, 'coalesce says 0'),
    breaking: notNull(integer, 'coalesce says 0'),
  },
});

/** @throws when this version cannot work on the tables of the queue */
async function checkRevision(db: Queryable): Promise<void> {
  const [{ revision = 0, breaking = 0 } = {}] = await readRevision(db, {});
  if (revision < QUEUE_REVISION || breaking > QUEUE_REVISION)
    throw new Error(
      `the tables of graphile-worker are at migration ${revision} (the last breaking one is ${breaking}), expected ${QUEUE_REVISION}`,
    );
}

/** For LISTEN and the sweep, beside one connection for each batch. */
const EXTRA_CONNECTIONS = 2;

function taskList(handlers: Readonly<Record<string, JobHandler>>, pool: pg.Pool, log: Logger): TaskList {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handle]) => {
      const measure = measureTask(name);
      return [
        name,
        async (payload, { job }) => {
          const { id, attempts: attempt, priority } = job;
          const startedAt = performance.now();
          await traceJob(name, payload, async () => {
            await measure(attempt, () => handle(payload, { id, attempt, priority })).catch((error: unknown) =>
              failOrGiveWay(error, pool, job, log),
            );
            log.info({ job: name, jobId: id, attempt, ms: Math.round(performance.now() - startedAt) }, 'job');
          });
        },
      ];
    }),
  );
}

/** Always rejects, because graphile-worker counts a job that resolves as done. */
async function failOrGiveWay(error: unknown, pool: pg.Pool, job: Job, log: Logger): Promise<never> {
  if (!givesWay(error)) throw error;
  const reason = error instanceof Error ? error.message : String(error);
  if (isLockConflict(error))
    log.warn({ job: job.task_identifier, jobId: job.id, reason }, 'a job met a lock and gives way');
  await putBack(pool, job, reason);
  throw new GiveWay(reason, { cause: error });
}

/** Works on the named jobs until it is stopped. Survives a restart of the database. */
export function startWorker(options: WorkerOptions): Worker {
  const { settings, applicationName, handlers, gauges, jobsAtOnce = MOST_AT_ONCE, log } = options;
  const { QUEUE_CONCURRENCY: batches, QUEUE_LEASE_MS: leaseMs } = settings;
  const url = settings.DATABASE_DIRECT_URL ?? settings.DATABASE_URL;
  const max = batches + EXTRA_CONNECTIONS;
  const pool = createWorkerPool({ url, max, applicationName, log, lockTimeoutMs: LOCK_TIMEOUT_MS });
  const tasks = taskList(handlers(pool), pool, log);
  const workers = keepWorking({ pool, tasks, jobsAtOnce, log });
  const scrapePool = createScrapePool({ url, applicationName: `${applicationName}-metrics`, log });
  observeQueue(scrapePool, Object.keys(tasks), log);
  gauges?.(scrapePool);
  const sweeping = startSweeping(pool, leaseMs, log);

  return {
    check: async () => {
      workers.check();
      // Over the scrape pool, because all connections of the worker may wait for commits that hang while reads go on.
      await checkRevision(scrapePool);
    },
    stop: async () => {
      await Promise.all([sweeping.stop(), workers.stop()]);
      await Promise.all([pool.end(), scrapePool.end()]);
    },
  };
}

/** The settings of a service that works on jobs. */
export const workerSettings = {
  DATABASE_DIRECT_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe(
      'The database without a pooler between, for jobs and LISTEN, which need their own session. Default: DATABASE_URL.',
    ),
  QUEUE_CONCURRENCY: count('connections', 4, 1, 50).describe(
    'How many connections a process uses for the jobs of the queue. A batch of jobs uses one.',
  ),
  QUEUE_LEASE_MS: milliseconds(15_000, 600_000, 1_000).describe(
    'The time after which an unfinished job counts as lost and is given to another worker.',
  ),
};

interface WorkerSettings {
  readonly DATABASE_URL: string;
  readonly DATABASE_DIRECT_URL?: string | undefined;
  readonly QUEUE_CONCURRENCY: number;
  readonly QUEUE_LEASE_MS: number;
}
