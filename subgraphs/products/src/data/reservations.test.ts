// The statements on which "no oversold order" rests, each against another connection that is in its way.

import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import type { Queryable } from '@holdfast/platform/database';
import { GiveWay } from '@holdfast/platform/give-way';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { NO_CACHE } from './cache/product-cache.ts';
import { createProductTable } from './products.ts';
import { createReservations } from './reservations.ts';

let database: TestDatabase;
let admin: pg.Client;
let first: pg.Client;
let second: pg.Client;
let productId: number;

beforeEach(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  first = new pg.Client({ connectionString: database.urls.products });
  second = new pg.Client({ connectionString: database.urls.products });
  await Promise.all([admin, first, second].map((client) => client.connect()));
  const { rows } = await admin.query(
    `INSERT INTO products.products (name, price, stock) VALUES ('Kettle', 10, 5) RETURNING id`,
  );
  productId = rows[0].id;
});
afterEach(async () => {
  await Promise.all([admin, first, second].map((client) => client.end()));
  await database.drop();
});

let orders = 0;
/** An id that no order of this file has had; BIGINT, so above what an INTEGER holds. */
const nextOrder = (): number => {
  orders += 1;
  return 3_000_000_000 + orders;
};

const reserveStock = (on: pg.Client, orderId: number, product: number, quantity: number): Promise<void> =>
  createReservations(on, NO_CACHE).reserve(orderId, product, quantity);
const releaseStock = (on: pg.Client, orderId: number): Promise<void> =>
  createReservations(on, NO_CACHE).release(orderId, productId);

const stock = async (): Promise<number> =>
  (await admin.query('SELECT stock FROM products.products WHERE id = $1', [productId])).rows[0].stock;
const statusOf = async (orderId: number): Promise<string | undefined> =>
  (await admin.query('SELECT status FROM products.reservations WHERE order_id = $1', [orderId])).rows[0]
    ?.status;
const settlements = async (): Promise<number> =>
  (await admin.query(`SELECT FROM graphile_worker.jobs WHERE task_identifier = 'settle-order'`)).rowCount ??
  0;

/** Begins `blocked` while the first connection is in a transaction, and commits that once `blocked` waits for it. */
async function whileFirstHolds(
  work: () => Promise<unknown>,
  blocked: () => Promise<unknown>,
): Promise<unknown> {
  await first.query('BEGIN');
  await work();
  const outcome = blocked().then(
    () => undefined,
    (error: unknown) => error,
  );
  for (let waits = false; !waits; ) {
    const { rowCount } = await admin.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    waits = (rowCount ?? 0) > 0;
  }
  await first.query('COMMIT');
  return outcome;
}

describe('reserving', () => {
  it('takes the units once when a job runs again', async () => {
    const order = nextOrder();
    await reserveStock(first, order, productId, 2);
    await reserveStock(first, order, productId, 2);
    expect([await stock(), await statusOf(order), await settlements()]).toEqual([3, 'HELD', 1]);
  });

  it('takes them once when a job runs twice at the same time: the second fails, and finds it done when it is retried', async () => {
    const order = nextOrder();
    const error = await whileFirstHolds(
      () => reserveStock(first, order, productId, 2),
      () => reserveStock(second, order, productId, 2),
    );
    expect(error).toMatchObject({ code: '23505' });
    expect(await stock()).toBe(3);
    await reserveStock(second, order, productId, 2);
    expect([await stock(), await settlements()]).toEqual([3, 1]);
  });

  it('refuses what a sale that was faster has left too little of, and says how much that is', async () => {
    const order = nextOrder();
    await whileFirstHolds(
      () => reserveStock(first, nextOrder(), productId, 4),
      () => reserveStock(second, order, productId, 2),
    );
    expect([await stock(), await statusOf(order)]).toEqual([1, 'REFUSED']);
    const { rows } = await admin.query(
      `SELECT payload FROM graphile_worker._private_jobs WHERE payload->>'orderId' = $1`,
      [order],
    );
    expect(rows[0].payload).toMatchObject({ outcome: 'REJECTED', code: 'OUT_OF_STOCK', available: 1 });
  });

  it('takes them after all when the stock is filled up before they are refused', async () => {
    const order = nextOrder();
    const filledUpBeforeRefusal: Queryable = {
      query: async (config) => {
        if (config.name === 'reservations_refuse')
          await admin.query('UPDATE products.products SET stock = 10 WHERE id = $1', [productId]);
        return second.query(config);
      },
    };
    await createReservations(filledUpBeforeRefusal, NO_CACHE).reserve(order, productId, 6);
    expect([await stock(), await statusOf(order), await settlements()]).toEqual([4, 'HELD', 1]);
  });

  it('refuses a product that was deleted, also while the job waited for it', async () => {
    const order = nextOrder();
    await whileFirstHolds(
      () =>
        first.query('UPDATE products.products SET archived_at = now(), version = version + 1 WHERE id = $1', [
          productId,
        ]),
      () => reserveStock(second, order, productId, 2),
    );
    expect([await stock(), await statusOf(order)]).toEqual([5, 'REFUSED']);
    const later = nextOrder();
    await reserveStock(second, later, productId, 1);
    expect([await stock(), await statusOf(later)]).toEqual([5, 'REFUSED']);
  });
});

describe('releasing', () => {
  it('puts the units back once, and nothing for an order that was refused', async () => {
    const order = nextOrder();
    await reserveStock(first, order, productId, 2);
    await releaseStock(first, order);
    await releaseStock(first, order);
    expect([await stock(), await statusOf(order)]).toEqual([5, 'RELEASED']);
    const refused = nextOrder();
    await reserveStock(first, refused, productId, 6);
    await releaseStock(first, refused);
    expect([await stock(), await statusOf(refused)]).toEqual([5, 'REFUSED']);
  });

  it('puts them back once when the job runs twice at the same time', async () => {
    const order = nextOrder();
    await reserveStock(first, order, productId, 2);
    await whileFirstHolds(
      () => releaseStock(first, order),
      () => releaseStock(second, order),
    );
    expect(await stock()).toBe(5);
  });
});

describe('a stock that has no room for the units of a cancelled order', () => {
  it('leaves them with the order until it has', async () => {
    const order = nextOrder();
    await reserveStock(first, order, productId, 2);
    const setStock = (units: number) => admin.query('UPDATE products.products SET stock = $1', [units]);
    await setStock(2_147_483_646);
    await expect(releaseStock(first, order)).rejects.toBeInstanceOf(GiveWay);
    expect([await stock(), await statusOf(order)]).toEqual([2_147_483_646, 'HELD']);
    await setStock(2_147_483_645);
    await releaseStock(first, order);
    expect([await stock(), await statusOf(order)]).toEqual([2_147_483_647, 'RELEASED']);
  });
});

describe('a product that was deleted', () => {
  it('is changed by nobody', async () => {
    const pool = new pg.Pool({ connectionString: database.urls.products });
    try {
      const table = createProductTable(pool, NO_CACHE, () => pool);
      await table.archive(productId, 1);
      expect(await table.update(productId, 2, true, { name: 'Back again' })).toBeUndefined();
      expect(await table.adjustStock(productId, 1, 100, undefined)).toBeUndefined();
      expect(await table.archive(productId, 2)).toBeFalsy();
      expect((await table.byIds([productId]))[0]).toMatchObject({ name: 'Kettle', stock: 5, version: 2 });
    } finally {
      await pool.end();
    }
  });
});
