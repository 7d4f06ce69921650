// Limits how many expensive pieces of work run and how many wait. The queue is fair: a caller with much work waits behind its own
// work, and other callers do not wait for it.
import { checkDeadline } from '@holdfast/platform/deadline';
import { AppError } from '@holdfast/platform/errors';

export interface SemaphoreOptions {
  readonly concurrency: number;
  /** How many may wait; with 0, work that cannot start at once is refused. */
  readonly maxWaiting: number;
  /** Called for each refused piece of work. */
  readonly onRefused?: () => void;
}

/** For whom work is done, such as `address 192.0.2.7` and `account 7`. Each of them may use only a share of the queue. */
export type Shares = readonly string[];

export interface Semaphore {
  readonly running: number;
  readonly waiting: number;
  /**
   * Runs `work` when its turn comes. Each round has one piece of each share, in the order of arrival.
   * @throws {AppError} SERVICE_UNAVAILABLE at once when the queue, or the part of one of the shares, is full; later when the turn
   * comes after the deadline
   */
  run<Result>(shares: Shares, work: () => Promise<Result>): Promise<Result>;
}

const RETRY_AFTER_S = 1;
/** The largest part of the queue that one share may fill. */
const LARGEST_SHARE = 0.25;

interface Waiting {
  readonly shares: Shares;
  readonly round: number;
  readonly start: () => void;
}

/** The state of a share while work of it waits. */
interface Share {
  count: number;
  /** The round of its last piece of work. */
  round: number;
}

/**
 * A queue in the order of rounds. A piece of work gets the round after the last round of all its shares. So a caller without waiting
 * work gets the next round, however much work others have.
 */
class FairQueue {
  readonly #queue: Waiting[] = [];
  readonly #shares = new Map<string, Share>();
  /** The round of the piece of work that left the queue last. */
  #round = 0;

  get length(): number {
    return this.#queue.length;
  }

  countOf(share: string): number {
    return this.#shares.get(share)?.count ?? 0;
  }

  push(shares: Shares, start: () => void): void {
    const known = shares.map((name) => this.#shares.get(name) ?? { count: 0, round: this.#round });
    const round = 1 + Math.max(this.#round, ...known.map((share) => share.round));
    for (const [index, name] of shares.entries())
      this.#shares.set(name, { count: (known[index]?.count ?? 0) + 1, round });
    const place = this.#queue.findIndex((other) => other.round > round);
    this.#queue.splice(place < 0 ? this.#queue.length : place, 0, { shares, round, start });
  }

  shift(): Waiting | undefined {
    const next = this.#queue.shift();
    if (next === undefined) return undefined;
    this.#round = next.round;
    for (const name of next.shares) {
      const share = this.#shares.get(name);
      if (share === undefined || share.count === 1) this.#shares.delete(name);
      else share.count -= 1;
    }
    return next;
  }
}

export function createSemaphore({ concurrency, maxWaiting, onRefused }: SemaphoreOptions): Semaphore {
  const queue = new FairQueue();
  const maxOfShare = Math.ceil(maxWaiting * LARGEST_SHARE);
  let running = 0;

  function isFull(shares: Shares): boolean {
    return queue.length >= maxWaiting || shares.some((share) => queue.countOf(share) >= maxOfShare);
  }

  async function enter(shares: Shares): Promise<void> {
    if (running < concurrency) {
      running += 1;
      return;
    }
    if (isFull(shares)) {
      onRefused?.();
      throw new AppError(
        'SERVICE_UNAVAILABLE',
        'Too many passwords are being checked right now. Try again in a moment.',
        {
          details: { retryAfter: RETRY_AFTER_S },
        },
      );
    }
    await new Promise<void>((resolve) => queue.push(shares, resolve));
  }

  /** Gives the place directly to the next in the queue, so that a new arrival cannot take it. */
  function leave(): void {
    const next = queue.shift();
    if (next) next.start();
    else running -= 1;
  }

  return {
    get running() {
      return running;
    },
    get waiting() {
      return queue.length;
    },
    async run(shares, work) {
      await enter(shares);
      try {
        checkDeadline();
        return await work();
      } finally {
        leave();
      }
    },
  };
}
