// The one Redis client of a process. Redis is never needed: whoever asks it has another way, and must not be kept
// waiting. So a command takes at most its timeout, and while Redis is known to be away no command is tried at all.
import { createClient } from 'redis';
import { z } from 'zod';
import { milliseconds } from './config.ts';
import type { Logger } from './log.ts';
import { Counter, Gauge, registry } from './metrics.ts';
import { tracedCall } from './tracing.ts';

const gauge = new Gauge({
  name: 'redis_up',
  help: '1 while Redis answers, 0 while the process does without it.',
  registers: [],
});
const failures = new Counter({
  name: 'redis_failures_total',
  help: 'Commands that failed or were not answered in time.',
  registers: [],
});

/** Where a Redis is. */
export const redisUrl = z
  .url({ protocol: /^rediss?$/, error: 'expected a URL such as redis://user:password@host:6379' })
  .optional();

/** Settings of a service that uses a Redis when there is one. */
export const redisSettings = {
  REDIS_TIMEOUT_MS: milliseconds(100, 5_000).describe(
    'How long a request waits for Redis before it does without.',
  ),
};

export type RedisClient = ReturnType<typeof connect>;

/** Redis did not answer in time, or is known to be away. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable';
}

export interface Redis {
  /**
   * Runs commands on the connection.
   * @param timeoutMs for this call; the default is the client's
   * @throws {RedisUnavailable} at once while Redis is away, otherwise after `timeoutMs`. Commands that were sent may
   * still be carried out, later: make them such that this does no harm.
   */
  run<Result>(commands: (client: RedisClient) => Promise<Result>, timeoutMs?: number): Promise<Result>;
  /** Whether Redis answered last time. */
  readonly up: boolean;
  /** Resolves once it is up, or has been away for `timeoutMs`. */
  untilUp(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface RedisOptions {
  readonly url: string;
  readonly timeoutMs: number;
  readonly log: Logger;
}

const SPAN = { 'db.system.name': 'redis' };
const PROBE_MS = 100;
const MAX_RECONNECT_MS = 1_000;

function connect(url: string) {
  return createClient({
    url,
    // Commands that cannot be sent now fail now.
    disableOfflineQueue: true,
    socket: {
      connectTimeout: 1_000,
      reconnectStrategy: (retries) =>
        Math.min(MAX_RECONNECT_MS, 25 * 2 ** Math.min(retries, 6)) + Math.random() * 25,
    },
  });
}

function withTimeout<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const give = () => reject(new RedisUnavailable(`no answer within ${timeoutMs} ms`));
    // When it is this process that was busy, the answer is there and is read first.
    timer = setTimeout(() => setImmediate(() => setImmediate(give)), timeoutMs);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}

/** Connects in the background: a Redis that is away does not keep a service from starting. */
export function createRedis({ url, timeoutMs, log }: RedisOptions): Redis {
  const client = connect(url);
  let up = false;
  let awaySince = performance.now();
  let lastError: unknown;
  let closed = false;
  const waiting = new Set<() => void>();

  function turn(isUp: boolean, error?: unknown): void {
    if (up === isUp || closed) return;
    up = isUp;
    gauge.set(isUp ? 1 : 0);
    if (!isUp) {
      awaySince = performance.now();
      log.warn({ err: error ?? lastError }, 'Redis does not answer; doing without it');
      return;
    }
    for (const wake of [...waiting]) wake();
    log.info('Redis answers and is used');
  }

  /**
   * Asks whether it takes writes: one that is full or read-only would otherwise be taken up and given up again all the
   * time. One probe at a time: of a server that hangs, the answer is the sign that it is back.
   */
  async function probe(): Promise<void> {
    await client.set('holdfast:probe', '', { expiration: { type: 'PX', value: PROBE_MS } });
    turn(true);
  }

  let probing = false;
  const timer = setInterval(() => {
    if (up || probing || !client.isReady) return;
    probing = true;
    probe()
      .catch((error: unknown) => {
        lastError = error;
      })
      .finally(() => {
        probing = false;
      });
  }, PROBE_MS);

  client.on('error', (error: unknown) => {
    lastError = error;
    turn(false, error);
  });
  // Nothing is used before the next probe has told.
  client.on('reconnecting', () => turn(false));
  // Only here: a process that was given no Redis is not one that has lost it.
  for (const metric of [gauge, failures]) registry.registerMetric(metric);
  gauge.set(0);
  client.connect().catch((error: unknown) => {
    lastError = error;
  });

  return {
    get up() {
      return up;
    },
    untilUp: (untilMs) => {
      const remainingMs = awaySince + untilMs - performance.now();
      if (up || remainingMs <= 0) return Promise.resolve();
      return new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timeout);
          waiting.delete(done);
          resolve();
        };
        const timeout = setTimeout(done, remainingMs);
        waiting.add(done);
      });
    },
    run: async (commands, callTimeoutMs = timeoutMs) => {
      if (!up) throw new RedisUnavailable('Redis is away');
      try {
        return await tracedCall('redis', SPAN, () => withTimeout(commands(client), callTimeoutMs));
      } catch (error) {
        failures.inc();
        turn(false, error);
        throw error instanceof RedisUnavailable
          ? error
          : new RedisUnavailable('Redis failed', { cause: error });
      }
    },
    close: async () => {
      closed = true;
      clearInterval(timer);
      client.destroy();
    },
  };
}
