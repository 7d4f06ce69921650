// A session holds a lock on one product and does not end: orders of that product wait for it, orders of others do not.
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Account, Client, eventually } from '../support/client.ts';
import { expectInvariants, inspect } from '../support/invariants.ts';
import { useSystem } from '../support/use-system.ts';

const UNITS = 1_000;
/** More than all workers together take at a time. */
const ORDERS_OF_THE_LOCKED = 24;
const TRIES = 12;
const BETWEEN_MS = 250;
/** What a worker waits for a lock, and a machine that other tests share. */
const SLACK_MS = 3_000;

const system = useSystem();
let client: Client;
let account: Account;
let locked: string;
let free: string;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
  locked = (await client.product(account.token, { stock: UNITS })).id;
  free = (await client.product(account.token, { stock: UNITS })).id;
});

const order = (productId: string, prefer: string) =>
  client.rest('POST', '/orders', {
    token: account.token,
    body: { product_id: productId, quantity: 1 },
    headers: { prefer },
  });

/** How long it takes until an order of the free product is settled, ms. */
async function settlementTime(): Promise<number> {
  const startedAt = performance.now();
  const { status, body } = await order(free, 'wait=10');
  expect([201, 202]).toContain(status);
  await eventually(
    () => client.rest('GET', `/orders/${body.id}`, { token: account.token }),
    (reply) => reply.body.status === 'CONFIRMED',
    150_000,
  );
  return Math.round(performance.now() - startedAt);
}

/** The times of some orders that are placed one after the other, whether those before are settled or not. */
async function settlementTimes(): Promise<number[]> {
  const settling: Promise<number>[] = [];
  for (let count = 0; count < TRIES; count += 1) {
    settling.push(settlementTime());
    await sleep(BETWEEN_MS);
  }
  return (await Promise.all(settling)).sort((a, b) => a - b);
}

const jobs = () =>
  inspect(system.adminUrl, async (admin) => {
    const { rows } = await admin.query(
      'SELECT count(*)::int AS waiting, max(attempts)::int AS attempts FROM graphile_worker.jobs WHERE locked_at IS NULL',
    );
    return rows[0];
  });

/** Runs `work` while a session that does nothing else holds the product's row locked. */
async function whileLocked<T>(productId: string, work: () => Promise<T>): Promise<T> {
  const holder = new pg.Client({ connectionString: system.adminUrl });
  await holder.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('UPDATE products.products SET updated_at = updated_at WHERE id = $1', [productId]);
    return await work();
  } finally {
    await holder.end();
  }
}

describe('a lock on one product', () => {
  it('keeps orders of no other product waiting, and its own are settled when it goes', async () => {
    // The first order of a system takes longer.
    await settlementTime();
    const before = await settlementTimes();
    const { during, waiting } = await whileLocked(locked, async () => {
      for (let count = 0; count < ORDERS_OF_THE_LOCKED; count += 1)
        expect((await order(locked, 'respond-async')).status).toBe(202);
      return {
        during: await settlementTimes(),
        // Each has met the lock and gone back into the queue, as if it had not been tried.
        waiting: await eventually(jobs, ({ waiting: count }) => count === ORDERS_OF_THE_LOCKED),
      };
    });
    const releasedAt = performance.now();
    const units = new Map([locked, free].map((id) => [id, UNITS]));
    const orders = await expectInvariants(system.adminUrl, units);
    const settledMs = Math.round(performance.now() - releasedAt);
    for (const { status } of orders) expect(status).toBe('CONFIRMED');
    console.info(`settled in ms, before: ${before}; during the lock: ${during}; after it: ${settledMs}`);
    expect(during.at(-1)).toBeLessThan((before.at(-1) ?? 0) + SLACK_MS);
    expect(waiting).toEqual({ waiting: ORDERS_OF_THE_LOCKED, attempts: 0 });
    expect(settledMs).toBeLessThan(15_000);
  }, 300_000);
});
