// The statements by which an order is placed and changes its status. Each takes effect once, however often it is repeated.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { createOrdersFixture, type OrdersFixture } from '../testing.ts';
import type { Actor, OrderStore } from './orders.ts';

const UNKNOWN = 1_000_000;

let fixture: OrdersFixture;
let admin: pg.Client;
let orders: OrderStore;
let userId: number;
let customer: Actor;
let place: () => Promise<number>;

beforeAll(async () => {
  fixture = await createOrdersFixture();
  ({ admin, orders, userId, customer, place } = fixture);
});
beforeEach(() => fixture.deleteOrders());
afterAll(() => fixture.close());

const jobs = async (name: string): Promise<number> =>
  (await admin.query('SELECT FROM graphile_worker.jobs WHERE task_identifier = $1', [name])).rowCount ?? 0;
const count = async (table: string): Promise<number> =>
  (await admin.query(`SELECT FROM orders.${table}`)).rowCount ?? 0;
const withKey = (key: string, quantity = 2) => ({
  ...fixture.wanted,
  quantity,
  idempotency: { key, hash: Buffer.from(`hash of ${quantity}`) },
});

describe('an order', () => {
  it('is a row with a number of its own, with its job, or not at all', async () => {
    const placed = await orders.insert(fixture.wanted);
    expect(placed).toMatchObject({
      userId,
      quantity: 2,
      unitPrice: '10.00',
      totalPrice: '20.00',
      version: 1,
    });
    expect(placed).toMatchObject({ id: expect.any(Number), status: 'PENDING', rejectionCode: null });
    const { rows } = await admin.query('SELECT payload FROM graphile_worker._private_jobs');
    expect(rows).toEqual([
      { payload: expect.objectContaining({ orderId: await onlyId(), productId: fixture.productId }) },
    ]);
    expect(await orders.insert({ ...fixture.wanted, productId: UNKNOWN })).toBe('no such product');
    expect([await count('orders'), await count('order_events'), await jobs('reserve-stock')]).toEqual([
      1, 1, 1,
    ]);
  });

  const onlyId = async (): Promise<number> =>
    Number((await admin.query('SELECT id FROM orders.orders')).rows[0].id);

  it('can have any number that JSON can write', async () => {
    await admin.query("SELECT setval('orders.orders_id_seq', 9007199254740990)");
    const id = await place();
    expect(id).toBe(Number.MAX_SAFE_INTEGER);
    expect(await orders.byIds([id])).toMatchObject([{ id }]);
    await admin.query("SELECT setval('orders.orders_id_seq', 1)");
  });

  it('is settled once: a later settlement does not change it', async () => {
    const id = await place();
    await orders.settle(id, { outcome: 'CONFIRMED' });
    await orders.settle(id, { outcome: 'CONFIRMED' });
    await orders.settle(id, { outcome: 'REJECTED', code: 'OUT_OF_STOCK', available: 0 });
    expect((await orders.byIds([id]))[0]).toMatchObject({ status: 'CONFIRMED', version: 2 });
    await orders.cancel(id, 2, customer, null);
    await orders.settle(id, { outcome: 'CONFIRMED' });
    expect((await orders.byIds([id]))[0]).toMatchObject({ status: 'CANCELLED', version: 3 });
  });

  it('is cancelled once, by its owner, at its version, when it is CONFIRMED', async () => {
    const id = await place();
    expect(await orders.cancel(id, 1, customer, null)).toBeUndefined();
    await orders.settle(id, { outcome: 'CONFIRMED' });
    expect(await orders.cancel(id, 2, { ...customer, id: UNKNOWN }, null)).toBeUndefined();
    expect(await orders.cancel(id, 1, customer, null)).toBeUndefined();
    expect(await jobs('release-stock')).toBe(0);
    expect(await orders.cancel(id, 2, customer, null)).toMatchObject({ status: 'CANCELLED', version: 3 });
    expect(await orders.cancel(id, 3, customer, null)).toBeUndefined();
    expect(await jobs('release-stock')).toBe(1);
  });
});

describe('an order with a key', () => {
  it('is there once, and is found by it together with the hash of its input', async () => {
    const placed = await orders.insert(withKey('k'));
    expect(await orders.insert(withKey('k'))).toBe('key used');
    expect(await orders.insert(withKey('k', 3))).toBe('key used');
    expect(await orders.byIdempotencyKey(userId, 'k')).toEqual({
      ...(await orders.byIds([typeof placed === 'string' ? 0 : placed.id]))[0],
      requestHash: Buffer.from('hash of 2'),
    });
    expect(await orders.byIdempotencyKey(userId, 'another')).toBeUndefined();
    expect(await orders.byIdempotencyKey(UNKNOWN, 'k')).toBeUndefined();
    expect([await count('orders'), await count('order_events'), await jobs('reserve-stock')]).toEqual([
      1, 1, 1,
    ]);
  });

  it('that cannot be placed leaves its key unused', async () => {
    expect(await orders.insert({ ...withKey('k'), productId: UNKNOWN })).toBe('no such product');
    expect(await count('idempotency_keys')).toBe(0);
    expect(await orders.insert(withKey('k'))).toMatchObject({ status: 'PENDING' });
  });

  it('is one of twenty that race for it', async () => {
    for (let round = 0; round < 10; round += 1) {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => orders.insert(withKey(`round ${round}`))),
      );
      expect(outcomes.filter((outcome) => outcome !== 'key used')).toHaveLength(1);
    }
    expect([await count('orders'), await count('idempotency_keys'), await jobs('reserve-stock')]).toEqual([
      10, 10, 10,
    ]);
  });
});
