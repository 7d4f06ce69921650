// The one connection of a process to Redis. Each caller can do its work without Redis and must not wait long for it. So a command
// takes at most its timeout, and while Redis is known to be away no command is sent.
//
// The URL is an address that leads to the primary, such as a Service of Kubernetes, and leads to another server after a failover.
// An open connection stays with the old primary, which may hang, or answer as a replica that refuses writes. So the process
// writes a probe periodically, and replaces the connection when a probe fails.
import { setImmediate } from 'node:timers/promises';
import type { createClient } from 'redis';
import { z } from 'zod';
import type { Logger } from './observability/log.ts';
import { Counter, Gauge, registry } from './observability/metrics.ts';
import { traceCall } from './observability/tracing.ts';
import { repeat } from './repeat.ts';
import { milliseconds } from './settings.ts';
import { limitTime } from './time-limit.ts';

const gauge = new Gauge({
  name: 'redis_up',
  help: '1 while Redis answers and accepts writes, 0 while the process works without it.',
  registers: [],
});
const failures = new Counter({
  name: 'redis_failures_total',
  help: 'Commands that failed or got no answer in time.',
  registers: [],
});

/** The address of a Redis. */
export const redisUrl = z
  .url({ protocol: /^rediss?$/, error: 'expected a URL such as redis://user:password@host:6379' })
  .optional();

/** Settings of a service that can use Redis. */
export const redisSettings = {
  REDIS_TIMEOUT_MS: milliseconds(100, 5_000).describe(
    'How long a request waits for Redis before it goes on without it.',
  ),
};

export type RedisClient = ReturnType<typeof createClient>;

/** Redis did not answer in time, or is known to be away. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable';
}

export interface Redis {
  /**
   * Runs commands on the connection.
   * @param timeoutMs for this call; the default is the client's
   * @throws {RedisUnavailable} at once while Redis is away, otherwise after `timeoutMs`. Commands that were sent may
   * still be executed later: choose commands for which this does no harm.
   */
  run<Result>(commands: (client: RedisClient) => Promise<Result>, timeoutMs?: number): Promise<Result>;
  /** Whether the last probe or command succeeded. */
  readonly up: boolean;
  /** Resolves once Redis is up, or has been away for `timeoutMs`. */
  untilUp(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface RedisOptions {
  readonly url: string;
  readonly timeoutMs: number;
  readonly log: Logger;
}

const SPAN = { 'db.system.name': 'redis' };
/** The longest time in which a demoted primary is still believed, and in which a Redis that is back is not used. */
const PROBE_MS = 200;
/** After this time without an answer to a write, the server hangs or its node is gone: the connection is replaced. */
const PROBE_TIMEOUT_MS = 1_000;
/** For the TCP connection alone. */
const CONNECT_TIMEOUT_MS = 1_000;
/** For the connection and its login, because a server that hangs still accepts TCP connections. */
const LOGIN_TIMEOUT_MS = CONNECT_TIMEOUT_MS + PROBE_TIMEOUT_MS;
const MAX_RETRY_MS = 1_000;

function withTimeout<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result> {
  return limitTime(timeoutMs, work, async () => {
    // When this process was busy, the answer may have arrived already: two turns of the event loop read it first.
    await setImmediate();
    await setImmediate();
    throw new RedisUnavailable(`no answer within ${timeoutMs} ms`);
  });
}

/** Which connection is used, if any. The gauge and one log line report each change, until `leaving` is aborted. */
function createUsage(log: Logger, leaving: AbortSignal) {
  let used: RedisClient | undefined;
  let wasUp: boolean | undefined;
  let awaySince = performance.now();
  const waiting = new Set<() => void>();
  // Registered only here: a process without a Redis in its settings has not lost one.
  for (const metric of [gauge, failures]) registry.registerMetric(metric);
  gauge.set(0);

  function setUp(isUp: boolean, error?: unknown): void {
    if (wasUp === isUp || leaving.aborted) return;
    wasUp = isUp;
    gauge.set(isUp ? 1 : 0);
    if (!isUp) {
      awaySince = performance.now();
      log.warn({ err: error }, 'Redis does not answer or accepts no writes; the process works without it');
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
      setUp(true);
    },
    /** Has no effect when another connection is already in use. */
    end: (client: RedisClient, error: unknown) => {
      if (used !== undefined && used !== client) return;
      used = undefined;
      setUp(false, error);
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

/**
 * Connects in the background: a Redis that is away does not keep a service from starting.
 * @throws when the library refuses the URL
 */
export async function createRedis({ url, timeoutMs, log }: RedisOptions): Promise<Redis> {
  // Loaded only here, because most processes have no Redis, and the library is a third of the code that a service would load.
  const { createClient } = await import('redis');
  const create = (): RedisClient =>
    createClient({
      url,
      // A command that cannot be sent at once fails at once.
      disableOfflineQueue: true,
      // The library reconnects only when a connection breaks; createRedis also does when a probe fails.
      socket: { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: false },
    });
  // The first client is made here, because a URL that the library refuses must end the start and not be retried for ever.
  let unused: RedisClient | undefined = create();
  const closing = new AbortController();
  const usage = createUsage(log, closing.signal);
  const probeTimeoutMs = Math.max(PROBE_TIMEOUT_MS, timeoutMs);
  let client: RedisClient | undefined;
  let failedInARow = 0;

  /** Uses a connection while Redis accepts writes on it: a full or read-only Redis is of no use. */
  async function probe(): Promise<void> {
    if (client === undefined) {
      const next = unused ?? create();
      unused = undefined;
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
        return await traceCall('redis', SPAN, () => withTimeout(commands(used), callTimeoutMs));
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
      // The probe under way fails; close() does not wait for it.
      client?.destroy();
      void probing.stop();
    },
  };
}
