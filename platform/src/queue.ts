// The message queue: graphile-worker, jobs in PostgreSQL. A job is added in the transaction whose work it follows,
// and a handler is one transaction that also adds what follows, so a crash anywhere is a retry and never a loss.
import { runTaskList, type TaskList, Logger as WorkerLogger, type WorkerPool } from 'graphile-worker';
import type pg from 'pg';
import { z } from 'zod';
import { createWorkerPool, type Queryable, statement } from './database.js';
import type { Logger } from './log.js';

/** Runs one job. Must be idempotent: a job is run at least once. Throwing means "try again later". */
export type JobHandler = (
  payload: unknown,
  job: { readonly id: string; readonly attempt: number },
) => Promise<void>;

export interface WorkerOptions {
  readonly settings: WorkerSettings;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Handlers by job name, over the worker's own connections: jobs and requests do not starve each other. */
  readonly handlers: (db: pg.Pool) => Readonly<Record<string, JobHandler>>;
  readonly log: Logger;
}

export interface Worker {
  /** Takes no more jobs, finishes those under way, closes the connections. */
  stop(): Promise<void>;
}

/** graphile-worker itself frees the jobs of a killed worker only after four hours. */
const releaseLostJobs = statement<[leaseMs: number], { id: string }>(
  'queue_release_lost_jobs',
  `UPDATE graphile_worker._private_jobs
      SET locked_at = NULL, locked_by = NULL
    WHERE locked_at < now() - $1 * interval '1 millisecond'
RETURNING id`,
);

const POLL_INTERVAL_MS = 1_000;
const RESTART_MS = 500;
/** Beside one a job: LISTEN and the sweep. */
const EXTRA_CONNECTIONS = 2;

const levelOf = { error: 'error', warning: 'warn', info: 'debug', debug: 'trace' } as const;

function taskList(handlers: Readonly<Record<string, JobHandler>>, log: Logger): TaskList {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handle]) => [
      name,
      async (payload, { job }) => {
        const startedAt = performance.now();
        await handle(payload, { id: job.id, attempt: job.attempts });
        log.info(
          { job: name, jobId: job.id, attempt: job.attempts, ms: Math.round(performance.now() - startedAt) },
          'job',
        );
      },
    ]),
  );
}

/**
 * Runs graphile-worker, and runs it again when it gives up, as it does when it cannot tell the database what became of
 * a job. Results are handed in as batches, because single ones that cannot be handed in reject where nobody listens.
 */
function keepRunning(
  pool: pg.Pool,
  tasks: TaskList,
  concurrency: number,
  log: Logger,
): { stop(): Promise<void> } {
  const logger = new WorkerLogger(() => (level, message) => log[levelOf[level]]({ queue: true }, message));
  const preset = { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } };
  let workers: WorkerPool;
  let restart: NodeJS.Timeout | undefined;
  let stopping = false;

  function run(): void {
    workers = runTaskList(
      { logger, preset, concurrency, noHandleSignals: true, pollInterval: POLL_INTERVAL_MS },
      tasks,
      pool,
    );
    workers.promise.then(() => again(), again);
  }

  function again(error?: unknown): void {
    if (stopping) return;
    log.warn({ err: error }, 'the worker gave up and is started again');
    restart = setTimeout(run, RESTART_MS);
  }

  run();
  return {
    stop: async () => {
      stopping = true;
      clearTimeout(restart);
      // What it cannot finish now is given out again after its lease.
      try {
        await workers.gracefulShutdown();
      } catch (error) {
        log.warn({ err: error }, 'the worker ended badly');
      }
    },
  };
}

/** Works on the named jobs until it is stopped. Survives a restart of the database. */
export function startWorker({ settings, applicationName, handlers, log }: WorkerOptions): Worker {
  const { DATABASE_URL: url, QUEUE_CONCURRENCY: concurrency, QUEUE_LEASE_MS: leaseMs } = settings;
  const pool = createWorkerPool({ url, max: concurrency + EXTRA_CONNECTIONS, applicationName, log });
  const workers = keepRunning(pool, taskList(handlers(pool), log), concurrency, log);
  const sweep = (): void => {
    releaseLostJobs(pool, leaseMs).then(
      (jobs) =>
        jobs.length > 0 && log.warn({ jobs: jobs.length }, 'jobs of a lost worker are given out again'),
      (error: unknown) => log.warn({ err: error }, 'lost jobs could not be looked for'),
    );
  };
  sweep();
  const timer = setInterval(sweep, leaseMs / 2);
  return {
    stop: async () => {
      clearInterval(timer);
      await workers.stop();
      await pool.end();
    },
  };
}

/** Settings of a service that works on jobs. */
export const workerSettings = {
  QUEUE_CONCURRENCY: z.coerce.number().int().min(1).max(50).default(4),
  /** After so long a job whose worker has not finished counts as lost and is given to another. */
  QUEUE_LEASE_MS: z.coerce.number().int().min(1_000).max(600_000).default(15_000),
};

interface WorkerSettings {
  readonly DATABASE_URL: string;
  readonly QUEUE_CONCURRENCY: number;
  readonly QUEUE_LEASE_MS: number;
}

/** Rejects when the queue cannot be read. */
export const checkQueue = (db: Queryable): Promise<unknown> =>
  db.query({ name: 'queue_check', text: 'SELECT 1 FROM graphile_worker.jobs LIMIT 1' });
