// The one connection of a process to Redis. Redis is never needed: every caller has another way, and must not be kept
// waiting. So a command takes at most its timeout, and while Redis is known to be away no command is tried at all.
//
// The URL is an address that leads to the primary, such as a Service of Kubernetes, and leads elsewhere after a failover. The
// connection stays with the old primary, which may hang, or answer as a replica that refuses writes. So a write is tried
// on it all the time, and the connection that fails one is given up for a new one.
import { createClient } from 'redis';
import { z } from 'zod';
import type { Logger } from './observability/log.ts';
import { Counter, Gauge, registry } from './observability/metrics.ts';
import { tracedCall } from './observability/tracing.ts';
import { repeat } from './repeat.ts';
import { milliseconds } from './settings.ts';

const gauge = new Gauge({
  name: 'redis_up',
  help: '1 while Redis answers and takes writes, 0 while the process does without it.',
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
/** How long what a demoted primary says is still believed, and how soon a Redis that is back is used. */
const PROBE_MS = 200;
/** A connection on which a write is not answered for so long is given up, because its server hangs or its node is gone. */
const PROBE_TIMEOUT_MS = 1_000;
/** Of the TCP connection. */
const CONNECT_TIMEOUT_MS = 1_000;
/** Of all that a connection needs before it can be used, because a server that hangs still accepts connections. */
const LOGIN_TIMEOUT_MS = CONNECT_TIMEOUT_MS + PROBE_TIMEOUT_MS;
const MAX_RETRY_MS = 1_000;

function connect(url: string) {
  return createClient({
    url,
    // Commands that cannot be sent now fail now.
    disableOfflineQueue: true,
    // The client would connect anew only when a connection breaks.
    socket: { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: false },
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

/** Which connection is used, if any. The gauge and one line of the log say when Redis comes or goes, until the process leaves. */
function createUsage(log: Logger, leaving: AbortSignal) {
  let used: RedisClient | undefined;
  let wasUp: boolean | undefined;
  let awaySince = performance.now();
  const waiting = new Set<() => void>();
  // Only here: a process that was given no Redis is not one that has lost it.
  for (const metric of [gauge, failures]) registry.registerMetric(metric);
  gauge.set(0);

  function turn(isUp: boolean, error?: unknown): void {
    if (wasUp === isUp || leaving.aborted) return;
    wasUp = isUp;
    gauge.set(isUp ? 1 : 0);
    if (!isUp) {
      awaySince = performance.now();
      log.warn({ err: error }, 'Redis does not answer or takes no writes; doing without it');
      return;
    }
    for (const wake of [...waiting]) wake();
    log.info('Redis answers and is used');
  }

  return {
    get client() {
      return used;
    },
    begin: (client: RedisClient) => {
      used = client;
      turn(true);
    },
    /** Does nothing when another connection is used already. */
    end: (client: RedisClient, error: unknown) => {
      if (used !== undefined && used !== client) return;
      used = undefined;
      turn(false, error);
    },
    untilUp: (timeoutMs: number): Promise<void> => {
      const remainingMs = awaySince + timeoutMs - performance.now();
      if (used || remainingMs <= 0) return Promise.resolve();
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
  };
}

/** Connects in the background: a Redis that is away does not keep a service from starting. */
export function createRedis({ url, timeoutMs, log }: RedisOptions): Redis {
  const closing = new AbortController();
  const usage = createUsage(log, closing.signal);
  const probeTimeoutMs = Math.max(PROBE_TIMEOUT_MS, timeoutMs);
  let client: RedisClient | undefined;
  let failedInARow = 0;

  /** Uses a connection for as long as it takes writes: one that is full or read-only is as good as none. */
  async function probe(): Promise<void> {
    if (client === undefined) {
      const next = connect(url);
      next.on('error', (error) => usage.end(next, error));
      client = next;
      await withTimeout(next.connect(), LOGIN_TIMEOUT_MS);
    }
    const write = client.set('holdfast:probe', '', { expiration: { type: 'PX', value: PROBE_MS } });
    await withTimeout(write, probeTimeoutMs);
    failedInARow = 0;
    usage.begin(client);
  }

  function giveUp(error: unknown): void {
    failedInARow += 1;
    if (client === undefined) return;
    usage.end(client, error);
    client.destroy();
    client = undefined;
  }

  const probing = repeat(probe, {
    everyMs: () =>
      client ? PROBE_MS : Math.min(MAX_RETRY_MS, 25 * 2 ** (failedInARow - 1)) + Math.random() * 25,
    onError: giveUp,
  });

  return {
    get up() {
      return usage.client !== undefined;
    },
    untilUp: usage.untilUp,
    run: async (commands, callTimeoutMs = timeoutMs) => {
      const used = usage.client;
      if (!used) throw new RedisUnavailable('Redis is away');
      try {
        return await tracedCall('redis', SPAN, () => withTimeout(commands(used), callTimeoutMs));
      } catch (error) {
        failures.inc();
        usage.end(used, error);
        throw error instanceof RedisUnavailable
          ? error
          : new RedisUnavailable('Redis failed', { cause: error });
      }
    },
    close: async () => {
      closing.abort();
      // The probe under way fails; the end does not wait for it.
      client?.destroy();
      void probing.stop();
    },
  };
}
