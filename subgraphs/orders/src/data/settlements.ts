// Wakes requests that wait until their order is settled: one LISTEN connection for each process, and no polling. A request takes a
// mark before it inserts or reads the order, so it misses no announcement after the mark.
import { parseOrderId } from '@holdfast/platform/ids';
import type { Logger } from '@holdfast/platform/observability/log';
import { type Repetition, repeat } from '@holdfast/platform/repeat';
import pg from 'pg';
import { SETTLED_CHANNEL } from './order-statements.ts';
import { createRecentSettlements } from './recent-settlements.ts';

export interface Settlements {
  /** The current moment, for `wait`. */
  mark(): number;
  /**
   * Resolves when the order was settled after `since` or may have been, or at `untilMs` (epoch). Read the order then.
   * @param since a mark that was taken before the order was inserted, or before it was read as not settled
   */
  wait(orderId: number, untilMs: number, since: number): Promise<void>;
  close(): Promise<void>;
}

export interface SettlementsOptions {
  readonly url: string;
  readonly log: Logger;
  /** How many announcements may come between a mark and its `wait` before `wait` resolves at once. */
  readonly remembered?: number;
}

const RECONNECT_MS = 500;
const HEARTBEAT_MS = 10_000;
const ANSWER_MS = 5_000;
/** As many orders as one PostgreSQL settles in half a second at most (docs/scaling.md). An insert takes milliseconds. */
const REMEMBERED = 10_000;

/** Listens on `url`. After a lost connection it listens again and wakes all waiting requests, which then read their orders. */
export function listenForSettlements({ url, log, remembered = REMEMBERED }: SettlementsOptions): Settlements {
  const waiting = new Map<number, Set<() => void>>();
  const recent = createRecentSettlements(remembered);
  let client: pg.Client | undefined;

  const wake = (orderId: number): void => {
    for (const resolve of [...(waiting.get(orderId) ?? [])]) resolve();
  };

  function hear(payload: string | undefined): void {
    for (const text of payload?.split(',') ?? []) {
      const orderId = parseOrderId(text);
      if (orderId === undefined) continue;
      recent.note(orderId);
      wake(orderId);
    }
  }

  /** Connects and listens. Resolves when the connection has ended. */
  async function listen(): Promise<void> {
    const next = new pg.Client({
      connectionString: url,
      application_name: 'orders-listener',
      keepAlive: true,
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: ANSWER_MS,
    });
    const ended = new Promise<void>((resolve) => next.once('end', resolve));
    next.on('notification', ({ payload }) => hear(payload));
    next.on('error', (error) => log.warn({ err: error }, 'the settlement listener lost its connection'));
    client = next;
    let heartbeat: Repetition | undefined;
    try {
      await next.connect();
      await next.query(`LISTEN ${SETTLED_CHANNEL}`);
      // PostgreSQL does not repeat announcements that it made while this process had no connection.
      recent.noteGap();
      for (const orderId of [...waiting.keys()]) wake(orderId);
      heartbeat = beat(next);
      await ended;
    } finally {
      void heartbeat?.stop();
      await next.end().catch(() => undefined);
    }
  }

  const listening = repeat(listen, {
    everyMs: RECONNECT_MS,
    onError: (error) => log.warn({ err: error }, 'the settlement listener cannot connect'),
  });

  function wait(orderId: number, untilMs: number, since: number): Promise<void> {
    if (recent.mayHaveSettled(orderId, since)) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(done, Math.max(0, untilMs - Date.now()));
      const others = waiting.get(orderId) ?? new Set();
      waiting.set(orderId, others.add(done));
      function done(): void {
        clearTimeout(timer);
        others.delete(done);
        if (others.size === 0 && waiting.get(orderId) === others) waiting.delete(orderId);
        resolve();
      }
    });
  }

  return {
    mark: () => recent.mark(),
    wait,
    close: async () => {
      // This is not awaited, because pg never settles a connect() that is under way when end() is called.
      void listening.stop();
      await client?.end().catch(() => undefined);
    },
  };
}

/** Asks periodically whether the other end still answers, because no other statement is sent on this connection. */
const beat = (client: pg.Client): Repetition =>
  repeat(async () => void (await client.query('SELECT 1')), {
    everyMs: HEARTBEAT_MS,
    firstAfterMs: HEARTBEAT_MS,
    onError: () => void client.end().catch(() => undefined),
  });
