// The statements by which an order changes its status: once, whatever is repeated.
import { createLogger } from '@holdfast/platform/log';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { createOrdersFixture, type OrdersFixture } from '../testing.ts';
import type { OrderTable } from './orders.ts';
import { listenForSettlements } from './settlements.ts';

let fixture: OrdersFixture;
let admin: pg.Client;
let orders: OrderTable;
let userId: string;
let place: () => Promise<string>;

beforeEach(async () => {
  fixture = await createOrdersFixture();
  ({ admin, orders, userId, place } = fixture);
});
afterEach(() => fixture.close());

const statusOf = async (id: string): Promise<string | undefined> => (await orders.byIds([id]))[0]?.status;
const jobs = async (name: string): Promise<number> =>
  (await admin.query('SELECT FROM graphile_worker.jobs WHERE task_identifier = $1', [name])).rowCount ?? 0;

describe('an order', () => {
  it('comes with its job, or not at all', async () => {
    await place();
    expect(await jobs('reserve-stock')).toBe(1);
    const unknown = {
      id: crypto.randomUUID(),
      userId,
      productId: crypto.randomUUID(),
      quantity: 1,
      unitPrice: '1.00',
    };
    expect(await orders.insert({ ...unknown, idempotency: undefined })).toBe('no such product');
    expect(await jobs('reserve-stock')).toBe(1);
  });

  it('is settled once: what comes later changes nothing', async () => {
    const id = await place();
    await orders.settle(id, { outcome: 'CONFIRMED' });
    await orders.settle(id, { outcome: 'CONFIRMED' });
    await orders.settle(id, { outcome: 'REJECTED', code: 'OUT_OF_STOCK', available: 0 });
    expect((await orders.byIds([id]))[0]).toMatchObject({ status: 'CONFIRMED', version: 2 });
    await orders.cancel(id, userId, 2);
    await orders.settle(id, { outcome: 'CONFIRMED' });
    expect((await orders.byIds([id]))[0]).toMatchObject({ status: 'CANCELLED', version: 3 });
  });

  it('is cancelled once, by its owner, at its version, when it is CONFIRMED', async () => {
    const id = await place();
    expect(await orders.cancel(id, userId, 1)).toBeUndefined();
    await orders.settle(id, { outcome: 'CONFIRMED' });
    expect(await orders.cancel(id, crypto.randomUUID(), 2)).toBeUndefined();
    expect(await orders.cancel(id, userId, 1)).toBeUndefined();
    expect(await jobs('release-stock')).toBe(0);
    expect(await orders.cancel(id, userId, 2)).toMatchObject({ status: 'CANCELLED', version: 3 });
    expect(await orders.cancel(id, userId, 3)).toBeUndefined();
    expect(await jobs('release-stock')).toBe(1);
  });
});

describe('who waits for a settlement', () => {
  const listen = () => listenForSettlements(fixture.database.urls.orders, createLogger('test', 'silent'));
  const listening = async (): Promise<void> => {
    for (let found = 0; found === 0; ) {
      const { rowCount } = await admin.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'orders-listener' AND datname = current_database()
            AND query LIKE 'LISTEN%'`,
      );
      found = rowCount ?? 0;
    }
  };
  const FAR = 60_000;

  it('is woken by it', async () => {
    const settlements = listen();
    await listening();
    const id = await place();
    const { woken } = settlements.wait(id, Date.now() + FAR);
    await orders.settle(id, { outcome: 'CONFIRMED' });
    await woken;
    expect(await statusOf(id)).toBe('CONFIRMED');
    await settlements.close();
  });

  it('is woken to look for themselves after the connection was lost', async () => {
    const settlements = listen();
    await listening();
    const { woken } = settlements.wait(await place(), Date.now() + FAR);
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'orders-listener' AND datname = current_database()`,
    );
    await woken;
    await listening();
    await settlements.close();
  }, 10_000);

  it('is let go at the end of their time', async () => {
    const settlements = listen();
    const startedAt = Date.now();
    await settlements.wait(await place(), Date.now() + 50).woken;
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    await settlements.close();
  });
});
