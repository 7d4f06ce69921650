// What the queue does to orders in a running system: a lock on one product, a worker that is killed in the middle of batches, and a
// backlog of one product. Orders of other products do not wait, and each order is settled once.
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { insertOrders } from '@holdfast/orders/data/order-statements';
import { MOST_AT_ONCE } from '@holdfast/platform/postgres/batches';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually } from '../support/client.ts';
import { expectInvariants } from '../support/invariants.ts';
import { minutes } from '../support/long.ts';
import { whileTestsRun } from '../support/use-system.ts';
import { account, client, system } from './loaded-shop.ts';

const UNITS = 1_000_000;

let productId: string;
let other: string;

const connect = async () => {
  const connection = new pg.Client({ connectionString: system.adminUrl });
  await connection.connect();
  return connection;
};
const admin = whileTestsRun(connect, (connection) => connection.end());
const holder = whileTestsRun(connect, (connection) => connection.end());

/** Makes the two products of a test. */
async function stockUp(stock = UNITS): Promise<void> {
  productId = (await client.product(account.token, { stock })).id;
  other = (await client.product(account.token, { stock })).id;
}

const order = (id: string, prefer: string) =>
  client.rest('POST', '/orders', {
    token: account.token,
    body: { product_id: id, quantity: 1 },
    headers: { prefer },
  });

const lock = (table: string, id: string, by = holder) =>
  by.query(`SELECT FROM ${table} WHERE id = $1 FOR NO KEY UPDATE`, [id]);

/** Inserts orders as the orders service does, without a caller who waits. Resolves with the id of the first. */
async function acceptOrders(id: string, quantities: number[]): Promise<string> {
  const many = <Value>(value: Value): Value[] => quantities.map(() => value);
  const [first] = await insertOrders(admin, {
    userIds: many(Number(account.id)),
    productIds: many(Number(id)),
    quantities,
    unitPrices: many('19.99'),
    keys: many(null),
    hashes: many(null),
    traces: many(null),
    actorRoles: many('CUSTOMER' as const),
  });
  return String(first?.id);
}

describe('a lock on one product', () => {
  /** More than all workers together take at a time. */
  const ORDERS_OF_THE_LOCKED = 24;
  const TRIES = 3;
  const BETWEEN_MS = 250;
  /** A worker waits for a lock for less than this, also on a machine that other tests share. */
  const SLACK_MS = 3_000;

  /** How long it takes until an order of the other product is settled, ms. */
  async function measureSettlement(): Promise<number> {
    const startedAt = performance.now();
    const { status, body } = await order(other, 'wait=10');
    expect([201, 202]).toContain(status);
    await eventually(
      () => client.rest('GET', `/orders/${body.id}`, { token: account.token }),
      (reply) => reply.body.status === 'CONFIRMED',
      150_000,
    );
    return Math.round(performance.now() - startedAt);
  }

  /** The longest time of some orders that are placed one after the other, whether those before are settled or not. */
  async function measureLongestSettlement(): Promise<number> {
    const settling: Promise<number>[] = [];
    for (let count = 0; count < TRIES; count += 1) {
      settling.push(measureSettlement());
      await sleep(BETWEEN_MS);
    }
    return Math.max(...(await Promise.all(settling)));
  }

  const readWaitingJobs = () => admin.query('SELECT FROM graphile_worker.jobs WHERE locked_at IS NULL');

  it('delays no order of another product, and its own orders are settled when the lock is released', async () => {
    await stockUp();
    // The first order of a system takes longer.
    await measureSettlement();
    const before = await measureLongestSettlement();
    await holder.query('BEGIN');
    await lock('products.products', productId);
    let placed = 0;
    let longest = Number.POSITIVE_INFINITY;
    // Other work may delay one measurement, so only three slow ones count. Each has new jobs that meet the lock.
    while (longest >= before + SLACK_MS && placed < 3 * ORDERS_OF_THE_LOCKED) {
      for (let count = 0; count < ORDERS_OF_THE_LOCKED; count += 1)
        expect((await order(productId, 'respond-async')).status).toBe(202);
      placed += ORDERS_OF_THE_LOCKED;
      longest = await measureLongestSettlement();
    }
    expect(longest).toBeLessThan(before + SLACK_MS);
    // Each job has met the lock and gone back into the queue.
    await eventually(readWaitingJobs, ({ rowCount }) => rowCount === placed);
    await holder.query('ROLLBACK');
    const orders = await expectInvariants(
      system.adminUrl,
      new Map([productId, other].map((id) => [id, UNITS])),
    );
    for (const { status } of orders) expect(status).toBe('CONFIRMED');
  }, 300_000);
});

// PostgreSQL has the statements of the killed worker, and may finish them or not: here it undoes one and finishes one.
describe('a worker that is killed in the middle of two batches', () => {
  const QUANTITIES = Array.from({ length: 15 }, (_, index) => 1 + (index % 3));
  /** Fewer than are ordered (30), so that some orders are rejected. */
  const STOCK = 20;
  const TRIES = 5;

  const second = whileTestsRun(connect, (connection) => connection.end());
  const holders = [holder, second];

  /** The statements of a worker that wait for locks of the holders, in their order. A statement has a session and a time of start. */
  async function readBlocked(worker: string): Promise<{ pid: number; since: string }[]> {
    const pids = await Promise.all(
      holders.map(async (each) => (await each.query('SELECT pg_backend_pid() AS pid')).rows[0].pid),
    );
    const { rows } = await admin.query(
      `SELECT pid, query_start::text AS since
         FROM pg_stat_activity JOIN unnest($2::int[]) WITH ORDINALITY AS holder (id, place) ON id = ANY(pg_blocking_pids(pid))
        WHERE datname = current_database() AND application_name = $1 ORDER BY place`,
      [worker, pids],
    );
    return rows;
  }

  /**
   * Places orders of two products, so that a batch of each meets a lock, and kills the service then.
   * @param placeOrders places orders of a product whose batch meets a lock of `by`
   * @returns whether both statements waited still, because a batch that waits for long is undone and divided
   */
  async function killInBatches(
    service: 'products' | 'orders',
    placeOrders: (product: string, by: pg.Client) => Promise<void>,
  ): Promise<boolean> {
    const worker = `${service}-worker`;
    const seen: { pid: number; since: string }[] = [];
    for (const [index, by] of holders.entries()) {
      await by.query('BEGIN');
      await placeOrders([productId, other][index] ?? '', by);
      const blocked = await eventually(
        () => readBlocked(worker),
        ({ length }) => length === index + 1,
      );
      seen.push(...blocked.slice(index));
    }
    await system.kill(service);
    const areWhole = isDeepStrictEqual(await readBlocked(worker), seen);
    await admin.query('SELECT pg_terminate_backend($1, 5000)', [seen[0]?.pid]);
    for (const by of holders) await by.query('ROLLBACK');
    await system.restart(service);
    return areWhole;
  }

  async function expectAllSettled(): Promise<void> {
    const orders = await expectInvariants(
      system.adminUrl,
      new Map([productId, other].map((id) => [id, STOCK])),
    );
    for (const id of [productId, other]) {
      const statuses = orders.filter(({ product_id }) => product_id === id).map(({ status }) => status);
      expect(statuses).toHaveLength(QUANTITIES.length);
      expect(new Set(statuses)).toEqual(new Set(['CONFIRMED', 'REJECTED']));
    }
  }

  /** Repeats until both batches were whole, which a busy machine can prevent. */
  async function expectNoLoss(...killing: Parameters<typeof killInBatches>): Promise<void> {
    for (let tries = 0, areWhole = false; !areWhole; tries += 1) {
      expect(tries).toBeLessThan(TRIES);
      await stockUp(STOCK);
      areWhole = await killInBatches(...killing);
      await expectAllSettled();
    }
  }

  it('loses and doubles no order while it reserves', async () => {
    await expectNoLoss('products', async (product, by) => {
      await lock('products.products', product, by);
      await acceptOrders(product, QUANTITIES);
    });
  }, 120_000);

  it('loses and doubles no order while it settles', async () => {
    await expectNoLoss('orders', async (product, by) => {
      const stock = await connect();
      await stock.query('BEGIN');
      await lock('products.products', product, stock);
      const first = await acceptOrders(product, QUANTITIES);
      await lock('orders.orders', first, by);
      await stock.end();
    });
  }, 120_000);
});

// The orders were accepted while the worker stood still.
describe('a backlog of orders of one product', () => {
  /** `npm run test:long` tries ten thousand. */
  const BACKLOG = minutes() === undefined ? 1_500 : 10_000;
  /** The priorities of the jobs of a product, each once. A worker takes the lowest number first. */
  const readPriorities = async (id: string): Promise<number[]> => {
    const { rows } = await admin.query<{ priority: number }>(
      `SELECT DISTINCT priority::int FROM graphile_worker._private_jobs WHERE payload->>'productId' = $1 ORDER BY priority`,
      [id],
    );
    return rows.map(({ priority }) => priority);
  };

  const countLockedJobs = async (): Promise<number> => {
    const { rows } = await admin.query<{ count: number }>(
      `SELECT count(*)::int FROM graphile_worker.jobs WHERE task_identifier = 'reserve-stock' AND locked_at IS NOT NULL`,
    );
    return rows[0]?.count ?? 0;
  };

  const countPending = async (): Promise<number> =>
    (
      await admin.query(
        `SELECT count(*)::int AS count FROM orders.orders WHERE status = 'PENDING' AND product_id = $1`,
        [productId],
      )
    ).rows[0].count;

  const countUpdates = async (): Promise<number> => {
    await admin.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await admin.query(
      `SELECT n_tup_upd::int AS count FROM pg_stat_user_tables WHERE relid = 'products.products'::regclass`,
    );
    return rows[0].count;
  };

  it('is settled in batches, of which a worker holds few jobs at a time, and orders of other products do not wait for it', async () => {
    await stockUp();
    const worker = system.pid('products');
    if (worker === undefined) throw new Error('products does not run');
    await Promise.all(Array.from({ length: 20 }, () => order(other, 'wait=10')));
    process.kill(worker, 'SIGSTOP');
    try {
      for (let accepted = 0; accepted < BACKLOG; accepted += MOST_AT_ONCE)
        await acceptOrders(productId, Array<number>(MOST_AT_ONCE).fill(1));
      await acceptOrders(other, [1]);
      // The first orders of each product come before the rest of the backlog.
      expect(await readPriorities(productId)).toEqual([0, 1]);
      expect(await readPriorities(other)).toEqual([0]);
    } finally {
      process.kill(worker, 'SIGCONT');
    }
    const startedAt = performance.now();
    const updatesBefore = await countUpdates();
    const others: { status: number; ms: number }[] = [];
    let mostLocked = 0;
    let isDrained = false;
    const watchLockedJobs = async () => {
      while (!isDrained) {
        mostLocked = Math.max(mostLocked, await countLockedJobs());
        await sleep(20);
      }
    };
    const watching = watchLockedJobs();
    while ((await countPending()) > 0) {
      const orderedAt = performance.now();
      const { status } = await order(other, 'wait=10');
      others.push({ status, ms: performance.now() - orderedAt });
    }
    isDrained = true;
    await watching;
    const drainedMs = Math.round(performance.now() - startedAt);
    console.info(
      `${BACKLOG} orders drained in ${drainedMs} ms, ${others.length} others meanwhile, at most ${mostLocked} jobs at a time`,
    );
    expect(others.length).toBeGreaterThan(0);
    expect(others.filter(({ status }) => status !== 201)).toEqual([]);
    const times = others.map(({ ms }) => ms).sort((a, b) => a - b);
    // An order that waits for the backlog takes 0.95 of the time of the backlog. Others take a third, on a busy machine more than half.
    expect(times[Math.floor(times.length / 2)]).toBeLessThan(0.75 * drainedMs);
    // A worker works on MOST_AT_ONCE jobs, has fetched as many more, and writes the ends of a few batches. So a backlog of any size fits
    // in its memory.
    expect(mostLocked).toBeGreaterThan(0);
    expect(mostLocked).toBeLessThanOrEqual(10 * MOST_AT_ONCE);
    await expectInvariants(system.adminUrl, new Map([productId, other].map((id) => [id, UNITS])));
    // A batch changes the stock once for all of its orders.
    const updates = (await countUpdates()) - updatesBefore - others.length;
    expect(updates).toBeLessThan(BACKLOG / 5);
  }, 240_000);
});
