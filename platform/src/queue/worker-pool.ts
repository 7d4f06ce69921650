// Keeps graphile-worker working. It was not made to outlive its database: a run that cannot tell the database what became
// of a job shuts itself down, and its shutdown may never end (the batcher miscounts what fails while something else is
// under way); a run whose first look-up fails remembers the failure for good. So a run that ends, or that cannot fetch
// jobs any more, is left to itself and another is begun.
import { EventEmitter } from 'node:events';
import {
  runTaskList,
  type TaskList,
  type WorkerEvents,
  Logger as WorkerLogger,
  type WorkerPool,
} from 'graphile-worker';
import pg from 'pg';
import type { Logger } from '../observability/log.ts';
import { repeat } from '../repeat.ts';
import { GiveWay } from './give-way.ts';

export interface WorkerPoolOptions {
  readonly pool: pg.Pool;
  readonly tasks: TaskList;
  readonly jobsAtOnce: number;
  readonly log: Logger;
}

export interface KeptWorkerPool {
  /** @throws when nothing was heard of the workers for longer than any job may take */
  check(): void;
  /** Takes no more jobs and finishes those under way, if that can be done in time. */
  stop(): Promise<void>;
}

const POLL_INTERVAL_MS = 1_000;
const RESTART_MS = 500;
const MAX_RESTART_MS = 5_000;
const STOP_MS = 10_000;
/** Longer than the statements of a job may take, so that a worker that is busy is not taken for one that is dead. */
const SILENT_MS = 45_000;
/** Failed looks for jobs in a row, after which a run is given up. */
const FAILURES = 3;
/** How graphile-worker begins what it logs of such a look; it has no event for it. */
const NOT_FETCHED = 'Error occurred fetching jobs';

const levelOf = { error: 'error', warning: 'warn', info: 'debug', debug: 'trace' } as const;

/** Works on `tasks` until it is stopped. */
export function keepWorking({ pool, tasks, jobsAtOnce, log }: WorkerPoolOptions): KeptWorkerPool {
  // One look fetches as many jobs as can be under way, and is made by one of the workers and not by each. Results are handed in
  // as batches, also because single ones that cannot be handed in reject where no handler listens.
  const preset = {
    worker: { localQueue: { size: jobsAtOnce }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
  };
  let current: WorkerPool | undefined;
  let restartMs = RESTART_MS;
  let lastSignAt = performance.now();

  /** Rejects when graphile-worker has ended or fetches no jobs any more. */
  const run = (): Promise<never> =>
    new Promise((_, giveUp) => {
      const events: WorkerEvents = new EventEmitter();
      let failures = 0;
      const noteFetch = (): void => {
        failures = 0;
        restartMs = RESTART_MS;
        lastSignAt = performance.now();
      };
      const noteFailedFetch = (error: unknown): void => {
        // A database that does not answer is no error of the worker: it fetches again when there are answers.
        if (!(error instanceof pg.DatabaseError)) lastSignAt = performance.now();
        failures += 1;
        if (failures !== FAILURES) return;
        giveUp(error);
        void endQuietly(workers);
      };
      events.on('localQueue:getJobs:complete', noteFetch);
      events.on('job:start', noteFetch);
      events.on('pool:gracefulShutdown', () => giveUp(new Error('graphile-worker shut itself down')));
      const logger = new WorkerLogger(() => (level, message, meta) => {
        const error = meta?.['error'];
        // graphile-worker takes a job that gives way for one that failed.
        log[error instanceof GiveWay ? 'debug' : levelOf[level]]({ queue: true }, message);
        if (message.startsWith(NOT_FETCHED)) noteFailedFetch(error);
      });
      const workers = runTaskList(
        {
          logger,
          preset,
          events,
          concurrency: jobsAtOnce,
          noHandleSignals: true,
          pollInterval: POLL_INTERVAL_MS,
        },
        tasks,
        pool,
      );
      current = workers;
      workers.promise.then(() => giveUp(new Error('graphile-worker ended')), giveUp);
    });

  let isStopping = false;
  const working = repeat(run, {
    everyMs: () => {
      const ms = restartMs;
      restartMs = Math.min(MAX_RESTART_MS, restartMs * 2);
      return ms;
    },
    onError: (error) => {
      if (!isStopping) log.warn({ err: error, restartMs }, 'the worker gave up and is started again');
    },
  });

  return {
    check: () => {
      if (performance.now() - lastSignAt > SILENT_MS) throw new Error('the worker fetches no jobs');
    },
    stop: async () => {
      isStopping = true;
      void working.stop();
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, STOP_MS);
      });
      // Jobs that graphile-worker cannot finish now are given out again after their lease.
      await Promise.race([current && endQuietly(current), timeout]);
      clearTimeout(timer);
    },
  };
}

async function endQuietly(workers: WorkerPool): Promise<void> {
  try {
    await workers.gracefulShutdown();
  } catch {
    // It has logged why; its jobs are given out again after their lease.
  }
}
