// Wakes those who wait for an order to be settled: one LISTEN connection a process, no polling.
import type { Logger } from '@holdfast/platform/log';
import pg from 'pg';

export interface Settlements {
  /** Resolves when the order is settled, or may have been, or at `untilMs` (epoch): look at the order then. */
  wait(orderId: string, untilMs: number): { readonly woken: Promise<void>; cancel(): void };
  close(): Promise<void>;
}

const CHANNEL = 'order_settled';
const RECONNECT_MS = 500;
const HEARTBEAT_MS = 10_000;
const ANSWER_MS = 5_000;

/** Listens on `url` and, when the connection is lost, again; whoever waits then is woken to look for themselves. */
export function listenForSettlements(url: string, log: Logger): Settlements {
  const waiting = new Map<string, Set<() => void>>();
  let client: pg.Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  const wake = (orderId: string): void => {
    for (const resolve of [...(waiting.get(orderId) ?? [])]) resolve();
  };

  async function connect(): Promise<void> {
    const next = new pg.Client({
      connectionString: url,
      application_name: 'orders-listener',
      keepAlive: true,
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: ANSWER_MS,
    });
    next.on('notification', ({ payload }) => wake(payload ?? ''));
    next.on('error', (error) => log.warn({ err: error }, 'the settlement listener lost its connection'));
    next.on('end', () => reconnectLater());
    client = next;
    try {
      await next.connect();
      await next.query(`LISTEN ${CHANNEL}`);
      // What was settled while nobody listened is not announced again.
      for (const orderId of [...waiting.keys()]) wake(orderId);
      hearOf(next);
    } catch (error) {
      log.warn({ err: error }, 'the settlement listener cannot connect');
      await next.end().catch(() => reconnectLater());
    }
  }

  /** Asks now and then whether the other end is still there: nothing else is ever sent on this connection. */
  function hearOf(listening: pg.Client): void {
    const heartbeat = setInterval(() => {
      listening.query('SELECT 1').catch(() => listening.end().catch(() => reconnectLater()));
    }, HEARTBEAT_MS);
    listening.once('end', () => clearInterval(heartbeat));
  }

  function reconnectLater(): void {
    if (closed || retry) return;
    retry = setTimeout(() => {
      retry = undefined;
      void connect();
    }, RECONNECT_MS);
  }

  void connect();

  return {
    wait: (orderId, untilMs) => {
      const { promise: woken, resolve } = withResolver();
      const timer = setTimeout(done, Math.max(0, untilMs - Date.now()));
      const others = waiting.get(orderId) ?? new Set();
      waiting.set(orderId, others.add(done));
      function done(): void {
        clearTimeout(timer);
        others.delete(done);
        if (others.size === 0 && waiting.get(orderId) === others) waiting.delete(orderId);
        resolve();
      }
      return { woken, cancel: done };
    },
    close: async () => {
      closed = true;
      clearTimeout(retry);
      await client?.end().catch(() => undefined);
    },
  };
}

function withResolver(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
