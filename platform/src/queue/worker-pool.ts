// Keeps graphile-worker running after errors of the database. A run of graphile-worker that cannot write the result of a job shuts
// itself down, and the shutdown may never end (its batcher miscounts failures that happen at the same time). A run whose first
// query fails never recovers. So a run that ends, or that cannot fetch jobs any more, is abandoned and another one is started.
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
import { limitTime } from '../time-limit.ts';
import { GiveWay } from './give-way.ts';

export interface WorkerPoolOptions {
  readonly pool: pg.Pool;
  readonly tasks: TaskList;
  readonly jobsAtOnce: number;
  readonly log: Logger;
}

export interface KeptWorkerPool {
  /** @throws when the workers have given no sign for longer than any job may take */
  check(): void;
  /** Takes no more jobs and finishes the running ones, up to a time limit. */
  stop(): Promise<void>;
}

const POLL_INTERVAL_MS = 1_000;
const RESTART_MS = 500;
const MAX_RESTART_MS = 5_000;
const STOP_MS = 10_000;
/** Longer than the statements of a job may take, so that a busy worker does not count as dead. */
const SILENT_MS = 45_000;
/** After this many failed fetches in a row, a run is abandoned. */
const FAILURES = 3;
/** The beginning of graphile-worker's log line for a failed fetch, for which it has no event. */
const NOT_FETCHED = 'Error occurred fetching jobs';

const levelOf = { error: 'error', warning: 'warn', info: 'debug', debug: 'trace' } as const;

/**
 * Works on `tasks` until it is stopped.
 * @throws when graphile-worker refuses the options or the tasks
 */
export function keepWorking({ pool, tasks, jobsAtOnce, log }: WorkerPoolOptions): KeptWorkerPool {
  // One worker fetches jobs for all of them, as many as can run at a time. Results are written in batches, also because
  // graphile-worker does not handle the rejection of a single result that cannot be written.
  const preset = {
    worker: { localQueue: { size: jobsAtOnce }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
  };
  let endCurrent: (() => Promise<void>) | undefined;
  let restartMs = RESTART_MS;
  let lastSignAt = performance.now();

  /** Rejects when graphile-worker has ended or fetches no jobs any more. @throws as graphile-worker does when it is started */
  function run(): Promise<never> {
    const { promise, reject: giveUp } = Promise.withResolvers<never>();
    const events: WorkerEvents = new EventEmitter();
    let failures = 0;
    const noteFetch = (): void => {
      failures = 0;
      restartMs = RESTART_MS;
      lastSignAt = performance.now();
    };
    const noteFailedFetch = (error: unknown): void => {
      // When the database does not answer, the worker is not at fault: it goes on fetching when the database is back.
      if (!(error instanceof pg.DatabaseError)) lastSignAt = performance.now();
      failures += 1;
      if (failures !== FAILURES) return;
      giveUp(error);
      void end();
    };
    events.on('localQueue:getJobs:complete', noteFetch);
    events.on('job:start', noteFetch);
    events.on('pool:gracefulShutdown', () => giveUp(new Error('graphile-worker shut itself down')));
    const logger = new WorkerLogger(() => (level, message, meta) => {
      const error = meta?.['error'];
      // graphile-worker logs a job that gives way as a failed one.
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
    workers.promise.then(() => giveUp(new Error('graphile-worker ended')), giveUp);
    let ending: Promise<void> | undefined;
    // Once for each run, because graphile-worker takes a second shutdown for an error.
    const end = (): Promise<void> => {
      ending ??= endQuietly(workers);
      return ending;
    };
    endCurrent = end;
    return promise;
  }

  let isStopping = false;
  // The first run is started here, so that its error ends the start of the service. Later runs are started again after an error.
  let first: Promise<never> | undefined = run();
  const runNext = (): Promise<never> => {
    const running = first ?? run();
    first = undefined;
    return running;
  };
  const working = repeat(runNext, {
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
      // Jobs that graphile-worker cannot finish now are given out again after their lease.
      if (endCurrent !== undefined) await limitTime(STOP_MS, endCurrent(), () => undefined);
    },
  };
}

async function endQuietly(workers: WorkerPool): Promise<void> {
  try {
    await workers.gracefulShutdown();
  } catch {
    // graphile-worker has logged why. Its jobs are returned to the queue after their lease.
  }
}
