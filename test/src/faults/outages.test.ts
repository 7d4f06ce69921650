// Processes and PostgreSQL are killed under load, and commits hang. No order is lost or doubled, and no process opens more connections
// than its budget.
import { setTimeout as sleep } from 'node:timers/promises';
import { SERVICES, serviceRole } from '@holdfast/database';
import { listConnectionBudgets } from '@holdfast/local/stack/connection-budgets';
import { beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually } from '../support/client.ts';
import { hangCommits, releaseCommits, sessions } from '../support/commits.ts';
import { expectInvariants, inspect } from '../support/invariants.ts';
import { rounds, timeLimitMs } from '../support/long.ts';
import { useAccount, useShop } from '../support/shop.ts';
import { lockProduct } from './lock-product.ts';
import { OrderLoad } from './order-load.ts';
import { describeReplica } from './replica.ts';

type Victim = 'orders' | 'products' | 'postgres';

const UNITS = 1_000_000;
/** How many application names the services have at least while all of them use PostgreSQL. */
const LEAST_NAMES = 6;
/** At least a second. */
const LOOKS = 20;

const shop = useShop({ ownPostgres: true, env: { QUEUE_LEASE_MS: '1500' } });
const { system, client, account } = shop;
const another = useAccount(client);
let productId: string;

beforeEach(async () => {
  productId = (await client.product(account.token, { stock: UNITS })).id;
});

const order = (headers: Record<string, string> = {}) =>
  client.rest('POST', '/orders', {
    token: account.token,
    body: { product_id: productId, quantity: 1 },
    headers,
  });

/**
 * Repeatedly counts the connections of each application name while `isOn`, which gets the number of names in the result so far. Resolves
 * with the most that stayed open together for LOOKS looks. When a pool replaces a connection, the old one is in PostgreSQL's list until its
 * backend has ended, which takes longer on a busy machine.
 */
async function mostConnections(isOn: (names: number) => boolean): Promise<Record<string, number>> {
  const counts: Record<string, number[]> = {};
  const most: Record<string, number> = {};
  await inspect(system.adminUrl, async (admin) => {
    while (isOn(Object.keys(most).length)) {
      const { rows } = await admin.query<{ name: string; count: number }>(
        `SELECT application_name AS name, count(*)::int AS count FROM pg_stat_activity
          WHERE usename = ANY ($1) GROUP BY application_name`,
        [SERVICES.map(serviceRole)],
      );
      for (const { name } of rows) counts[name] ??= Array<number>(LOOKS).fill(0);
      for (const [name, seen] of Object.entries(counts)) {
        seen.push(rows.find((row) => row.name === name)?.count ?? 0);
        const lasting = Math.min(...seen.slice(-LOOKS));
        if (lasting > 0) most[name] = Math.max(lasting, most[name] ?? 0);
      }
      await sleep(50);
    }
  });
  return most;
}

function expectWithinBudgets(most: Readonly<Record<string, number>>): void {
  const budgets = SERVICES.flatMap((service) => listConnectionBudgets(service));
  expect(Object.keys(most).length).toBeGreaterThanOrEqual(LEAST_NAMES);
  const over = Object.entries(most)
    .map(([name, count]) => ({
      name,
      count,
      budget: budgets.find(({ applicationName }) => applicationName === name)?.most ?? 0,
    }))
    .filter(({ count, budget }) => count > budget);
  expect(over).toEqual([]);
}

describe('a replica', () => describeReplica(shop));

describe('kills under load', () => {
  /** Waits for the moment of the kill: a random one, or just after a job has been added to the queue. */
  async function waitForMoment(isRandom: boolean): Promise<void> {
    if (isRandom) return void (await sleep(Math.random() * 400));
    const listener = new pg.Client({ connectionString: system.adminUrl });
    listener.on('error', () => undefined);
    await listener.connect();
    await listener.query('LISTEN "jobs:insert"');
    await new Promise((resolve) => listener.once('notification', resolve));
    await listener.end();
    await sleep(Math.random() * 8);
  }

  async function crash(victim: Victim, isAtRandom: boolean): Promise<void> {
    await waitForMoment(isAtRandom);
    if (victim === 'postgres') await system.killPostgres();
    else await system.kill(victim);
    await sleep(Math.random() * 200);
    if (victim === 'postgres') await system.restartPostgres();
    else await system.restart(victim);
  }

  it(
    'lose, double and oversell no order',
    async () => {
      const products = await Promise.all(
        Array.from({ length: 3 }, () => client.product(account.token, { stock: UNITS })),
      );
      const productIds = products.map(({ id }) => id);
      const load = new OrderLoad(client, [account, another], productIds);
      for (const round of rounds(1))
        for (const victim of ['orders', 'products', 'postgres'] as const) {
          const before = load.placed;
          await crash(victim, round % 2 === 1);
          // The next kill comes once orders are placed again.
          await eventually(
            async () => load.placed,
            (placed) => placed > before + 10,
            60_000,
          );
        }
      await load.stop();
      const orders = await expectInvariants(system.adminUrl, new Map(productIds.map((id) => [id, UNITS])));
      const statuses = new Map(orders.map(({ id, status }) => [id, status]));
      for (const id of load.answered) expect(statuses.has(id)).toBe(true);
      for (const id of load.cancelled) expect(statuses.get(id)).toBe('CANCELLED');
      for (const { status } of orders) expect(['CONFIRMED', 'CANCELLED']).toContain(status);
      expect(orders.length).toBe(load.placed);
    },
    timeLimitMs(240_000),
  );
});

describe('while PostgreSQL is away', () => {
  /** More than a pool has connections. */
  const CALLERS = 32;
  const WATCHED_MS = 3_000;

  it('replies are 503 without SQL in them, and a herd of callers afterwards meets the budgets of connections', async () => {
    let isOver = false;
    const search = () => client.rest('GET', `/products?search=none${Math.random()}`);
    const call = async (index: number) => {
      while (!isOver) {
        const reply = await (index % 2 ? order() : search()).catch(() => undefined);
        if (reply === undefined || reply.status >= 500) await sleep(50);
      }
    };
    expect((await order()).status).toBe(201);
    await system.killPostgres();
    const reply = await search();
    expect(reply.status).toBe(503);
    expect(reply.text).not.toMatch(/ECONN|postgres|SELECT|127\.0/i);
    const herd = Array.from({ length: CALLERS }, (_, index) => call(index));
    try {
      await system.restartPostgres();
      const [until, limit] = [Date.now() + WATCHED_MS, Date.now() + 60_000];
      const isWatched = (names: number) => Date.now() < until || (names < LEAST_NAMES && Date.now() < limit);
      expectWithinBudgets(await mostConnections(isWatched));
      await eventually(order, ({ status }) => status === 201, 60_000);
      expect(system.logs().filter((line) => line.includes('too many clients'))).toEqual([]);
    } finally {
      isOver = true;
      await Promise.all(herd);
    }
    expect((await search()).status).toBe(200);
  }, 240_000);
});

// PostgreSQL answers reads and its commits hang, as they do while a synchronous standby is away.
describe('while commits hang and clients give up', () => {
  /** Longer than a connection waits for an answer (12 s), so that a lost place of a pool would be taken once more. */
  const HANG_MS = 16_000;
  const WRITERS = 8;
  /** After this time the clients of this test give up, and call again. */
  const PATIENCE_MS = 1_000;
  /** Reads do not wait for commits, which hang until the test releases them. */
  const READ_MS = 5_000;

  /** Lets commits hang while jobs are in the queue, so that those of the jobs hang too. */
  async function hangWithJobs(): Promise<void> {
    const release = await lockProduct(system, productId);
    for (let count = 0; count < 8; count += 1)
      expect((await order({ prefer: 'respond-async' })).status).toBe(202);
    await hangCommits(system.adminUrl);
    await release();
  }

  async function callAndGiveUp(method: string, path: string, body: unknown, headers = {}): Promise<void> {
    await fetch(system.url + path, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${account.token}`, ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).then(
      (reply) => reply.text(),
      () => undefined,
    );
  }

  const WRITES = [
    () => callAndGiveUp('PATCH', `/products/${productId}`, { description: 'Changed.' }, { 'if-match': '*' }),
    () => callAndGiveUp('POST', '/products', { name: 'A thing', price: 1, stock: 1 }),
    () => callAndGiveUp('POST', '/orders', { product_id: productId, quantity: 1 }),
    () => callAndGiveUp('POST', '/login', { username: account.username, password: account.password }),
  ];

  async function writeWhile(isOn: () => boolean): Promise<void> {
    await Promise.all(
      Array.from({ length: WRITERS }, async (_, index) => {
        for (let count = index; isOn(); count += 1) {
          await WRITES[count % WRITES.length]?.();
          await sleep(500);
        }
      }),
    );
  }

  const createReads = (
    orderId: string,
  ): [name: string, read: () => Promise<{ readonly status: number }>][] => [
    ['a product', () => client.rest('GET', `/products/${productId}`)],
    ['a search', () => client.rest('GET', `/products?search=${crypto.randomUUID()}`)],
    ['an order', () => client.rest('GET', `/orders/${orderId}`, { token: account.token })],
    ['a profile', () => client.rest('GET', '/profile', { token: account.token })],
    ...SERVICES.map((service): [string, () => Promise<Response>] => [
      `the readiness of ${service}`,
      () => fetch(system.opsUrl(service, '/readyz')),
    ]),
  ];

  it('no service opens more connections than its budget, and reads go on', async () => {
    const reads = createReads((await order()).body.id);
    await hangWithJobs();
    const until = Date.now() + HANG_MS;
    const isOn = () => Date.now() < until;
    const [writing, watching] = [writeWhile(isOn), mostConnections(isOn)];
    const failures: string[] = [];
    while (isOn()) {
      for (const [name, read] of reads) {
        const startedAt = performance.now();
        const { status } = await read();
        const ms = Math.round(performance.now() - startedAt);
        if (status !== 200 || ms > READ_MS) failures.push(`${name}: ${status} after ${ms} ms`);
      }
      await sleep(1_000);
    }
    await writing;
    const { hanging } = await sessions(system.adminUrl);
    await releaseCommits(system.adminUrl);
    expect(failures).toEqual([]);
    expect(hanging).toBeGreaterThan(3);
    expectWithinBudgets(await watching);

    const placed = await eventually(order, ({ status }) => status === 201, 60_000);
    expect(placed.body.status).toBe('CONFIRMED');
    const orders = await expectInvariants(system.adminUrl, new Map([[productId, UNITS]]));
    for (const { status } of orders) expect(status).toBe('CONFIRMED');
    expect((await sessions(system.adminUrl)).hanging).toBe(0);
  }, 240_000);
});
