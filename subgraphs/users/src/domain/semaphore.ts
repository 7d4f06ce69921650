// Lets a bounded number of costly pieces of work run at once and a bounded number wait for their turn.
import { checkDeadline } from '@holdfast/platform/deadline';
import { AppError } from '@holdfast/platform/errors';

export interface SemaphoreOptions {
  readonly concurrency: number;
  /** How many may wait; 0 refuses whatever cannot start at once. */
  readonly maxWaiting: number;
  /** Told of each piece of work that is refused. */
  readonly onRefused?: () => void;
}

export interface Semaphore {
  readonly running: number;
  readonly waiting: number;
  /**
   * Runs `work` when its turn comes, first come, first served.
   * @throws {AppError} SERVICE_UNAVAILABLE at once, when too many wait already, and when its turn comes after the deadline
   */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
}

const RETRY_AFTER_S = 1;

export function createSemaphore({ concurrency, maxWaiting, onRefused }: SemaphoreOptions): Semaphore {
  const waiting: (() => void)[] = [];
  let running = 0;

  async function enter(): Promise<void> {
    if (running < concurrency) {
      running += 1;
      return;
    }
    if (waiting.length >= maxWaiting) {
      onRefused?.();
      throw new AppError(
        'SERVICE_UNAVAILABLE',
        'Too many passwords are being checked right now. Try again in a moment.',
        {
          details: { retryAfter: RETRY_AFTER_S },
        },
      );
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  /** The place goes straight to whoever is next: a newcomer cannot slip in between. */
  function leave(): void {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }

  return {
    get running() {
      return running;
    },
    get waiting() {
      return waiting.length;
    },
    async run(work) {
      await enter();
      try {
        checkDeadline();
        return await work();
      } finally {
        leave();
      }
    },
  };
}
