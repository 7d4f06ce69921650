// What becomes of the reservation of an order that is over.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import pg from 'pg';
import { shipReservation, sweepReservations } from './finished-reservations.ts';

let database: TestDatabase;
let admin: pg.Client;
let pool: pg.Pool;
let productId: number;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  pool = new pg.Pool({ connectionString: database.urls.products });
  const { rows } = await admin.query(
    `INSERT INTO products.products (name, price, stock) VALUES ('Kettle', 10, 5) RETURNING id`,
  );
  productId = rows[0].id;
});
beforeEach(() => admin.query('DELETE FROM products.reservations'));
afterAll(async () => {
  await Promise.all([admin.end(), pool.end()]);
  await database.release();
});

const reserve = (orderId: number, status: string, daysAgo = 0) =>
  admin.query(
    `INSERT INTO products.reservations (order_id, user_id, product_id, quantity, status, updated_at)
     VALUES ($1, 1, $2, 1, $3, now() - $4 * interval '1 day')`,
    [orderId, productId, status, daysAgo],
  );

async function statuses(): Promise<Record<number, string>> {
  const { rows } = await admin.query('SELECT order_id::int AS id, status FROM products.reservations');
  return Object.fromEntries(rows.map(({ id, status }) => [id, status]));
}

it('is SHIPPED once its order is, and only if it holds units', async () => {
  await reserve(1, 'HELD');
  await reserve(2, 'HELD');
  await reserve(3, 'RELEASED');
  for (const orderId of [1, 1, 3, 4]) await shipReservation(pool, orderId);
  expect(await statuses()).toEqual({ 1: 'SHIPPED', 2: 'HELD', 3: 'RELEASED' });
});

it('is swept 90 days after its end, oldest first, no more than the given number', async () => {
  await reserve(1, 'SHIPPED', 91);
  await reserve(2, 'REFUSED', 200);
  await reserve(3, 'RELEASED', 100);
  await reserve(4, 'SHIPPED', 89);
  expect(await sweepReservations(pool, 2)).toBe(2);
  expect(await statuses()).toEqual({ 1: 'SHIPPED', 4: 'SHIPPED' });
  expect(await sweepReservations(pool, 2)).toBe(1);
  expect(await sweepReservations(pool, 2)).toBe(0);
});

it('is never swept while it holds units that may come back', async () => {
  await reserve(1, 'HELD', 4_000);
  expect(await sweepReservations(pool, 100)).toBe(0);
  expect(await statuses()).toEqual({ 1: 'HELD' });
});

it('is not swept while the queue keeps a job that is as old: it may be of that order, and reserve again', async () => {
  await reserve(1, 'RELEASED', 100);
  await admin.query(`SELECT graphile_worker.add_job('reserve-stock', '{"orderId":1}')`);
  await admin.query(`UPDATE graphile_worker._private_jobs SET created_at = now() - interval '101 days'`);
  expect(await sweepReservations(pool, 100)).toBe(0);
  await admin.query('DELETE FROM graphile_worker._private_jobs');
  expect(await sweepReservations(pool, 100)).toBe(1);
});

it('is swept once when several instances sweep at the same time', async () => {
  for (let orderId = 1; orderId <= 40; orderId += 1) await reserve(orderId, 'SHIPPED', 100);
  let swept = 0;
  while (Object.keys(await statuses()).length > 0)
    for (const count of await Promise.all([sweepReservations(pool, 3), sweepReservations(pool, 3)]))
      swept += count;
  expect(swept).toBe(40);
});
