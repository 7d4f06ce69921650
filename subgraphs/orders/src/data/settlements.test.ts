// Waiting until an order is settled: no announcement is missed.
import { createLogger } from '@holdfast/platform/observability/log';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createOrdersFixture, type OrdersFixture } from '../testing.ts';
import { listenForSettlements, type Settlements } from './settlements.ts';

const FAR = 60_000;
const far = (): number => Date.now() + FAR;

let fixture: OrdersFixture;
let settlements: Settlements;

beforeAll(async () => {
  fixture = await createOrdersFixture();
});
afterEach(async () => {
  await settlements.close();
  // The next listener must not be taken for up while this one's connection ends.
  while ((await backends()) > 0);
});
afterAll(() => fixture.close());

async function backends(): Promise<number> {
  const { rows } = await fixture.admin.query(
    `SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE application_name = 'orders-listener' AND datname = current_database() AND query LIKE 'LISTEN%'`,
  );
  return rows[0].count;
}

/** Starts a listener that has heard of this order: what PostgreSQL announces from now on reaches it. */
async function listen(remembered?: number): Promise<void> {
  const { urls } = fixture.database;
  settlements = listenForSettlements({
    url: urls.orders,
    log: createLogger('test', 'silent'),
    ...(remembered !== undefined && { remembered }),
  });
  while ((await backends()) === 0);
  await heard();
}

/** Resolves when the listener has heard of an order that is settled now, and so of all before it. */
async function heard(): Promise<void> {
  const since = settlements.mark();
  const id = await fixture.confirmed();
  await settlements.wait(id, far(), since);
}

/** Ends the listener's connection. Resolves when PostgreSQL has none of it. */
async function cut(): Promise<void> {
  await fixture.admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'orders-listener' AND datname = current_database()`,
  );
  while ((await backends()) > 0);
}

const isDone = (promise: Promise<void>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);

describe('a request that waits for a settlement', () => {
  it('is woken by it, and by no other', async () => {
    await listen();
    const since = settlements.mark();
    const id = await fixture.place();
    const woken = settlements.wait(id, far(), since);
    await heard();
    expect(await isDone(woken)).toBe(false);
    await fixture.orders.settle(id, { outcome: 'CONFIRMED' });
    await woken;
    expect(await fixture.orders.byIds([id])).toMatchObject([{ status: 'CONFIRMED' }]);
  });

  it('is woken at once by one that was announced between the mark and the wait, also the second time', async () => {
    await listen();
    const since = settlements.mark();
    const id = await fixture.confirmed();
    await heard();
    expect(await isDone(settlements.wait(id, far(), since))).toBe(true);
    expect(await isDone(settlements.wait(id, far(), since))).toBe(true);
  });

  it('is not woken by what was announced before the mark', async () => {
    await listen();
    const id = await fixture.confirmed();
    await heard();
    const woken = settlements.wait(id, Date.now() + 500, settlements.mark());
    expect(await isDone(woken)).toBe(false);
    await woken;
  });

  it('is woken to look when the connection is lost while it waits', async () => {
    await listen();
    const since = settlements.mark();
    const woken = settlements.wait(await fixture.place(), far(), since);
    await cut();
    await woken;
  }, 10_000);

  it('is woken to look when the connection is lost, and the order settled, before it waits', async () => {
    await listen();
    const since = settlements.mark();
    const id = await fixture.place();
    await cut();
    await fixture.orders.settle(id, { outcome: 'CONFIRMED' });
    // The listener has no connection, so it did not receive the announcement.
    await settlements.wait(id, far(), since);
    await heard();
    // It is back since: a wait that begins only now is not left waiting either.
    expect(await isDone(settlements.wait(id, far(), since))).toBe(true);
  }, 10_000);

  it('is woken to look when more was announced since the mark than the listener remembers', async () => {
    await listen(2);
    const since = settlements.mark();
    const id = await fixture.confirmed();
    await heard();
    await heard();
    expect(await isDone(settlements.wait(id, far(), since))).toBe(true);
  });

  it('is resolved at the end of its time', async () => {
    await listen();
    const since = settlements.mark();
    const startedAt = Date.now();
    await settlements.wait(await fixture.place(), Date.now() + 50, since);
    expect(Date.now() - startedAt).toBeLessThan(5_000);
  });
});
