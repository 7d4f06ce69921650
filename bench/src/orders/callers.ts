// Callers who place orders. Each caller places the next order when the one before is answered.
import { Pool } from 'undici';

export interface OrderCall {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Calls {
  /** The duration of each order, ms, the shortest first. */
  readonly times: readonly number[];
  /** The number of orders that were accepted but not settled in time (202). */
  readonly late: number;
  readonly ms: number;
}

export interface CallOptions {
  readonly url: string;
  readonly callers: number;
  /** The callers stop when `orders` were placed or `maxMs` has passed. */
  readonly orders: number;
  readonly maxMs: number;
  readonly call: (number: number) => OrderCall;
}

/** @throws when a reply is neither 201 nor 202 */
export async function placeOrders({ url, callers, orders, maxMs, call }: CallOptions): Promise<Calls> {
  const pool = new Pool(url, { connections: callers, headersTimeout: 60_000 });
  const times: number[] = [];
  const startedAt = performance.now();
  let placed = 0;
  let late = 0;

  async function place(number: number): Promise<void> {
    const { path, headers, body } = call(number);
    const sentAt = performance.now();
    const reply = await pool.request({ method: 'POST', path, headers, body });
    const text = await reply.body.text();
    times.push(performance.now() - sentAt);
    if (reply.statusCode === 202) late += 1;
    else if (reply.statusCode !== 201)
      throw new Error(`an order was answered ${reply.statusCode}: ${text.slice(0, 200)}`);
  }
  async function callOn(): Promise<void> {
    while (placed < orders && performance.now() - startedAt < maxMs) {
      placed += 1;
      await place(placed);
    }
  }

  try {
    await Promise.all(Array.from({ length: callers }, callOn));
  } finally {
    await pool.close();
  }
  return { times: times.sort((a, b) => a - b), late, ms: performance.now() - startedAt };
}
