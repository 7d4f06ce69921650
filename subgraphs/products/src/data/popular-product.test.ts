// Everybody wants the same product: the statements that lock its row, on connections of their own, at the same time.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { NO_CACHE } from './cache/product-cache.ts';
import { createReservationStore, type Reservable } from './reservations.ts';

const CONNECTIONS_EACH = 8;
const ROUNDS = 50;
const UNITS = 1_000_000;

let database: TestDatabase;
let admin: pg.Client;
let userId: number;
let productId: number;

beforeEach(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  userId = await insertOne(
    `INSERT INTO users.users (username, email, password_hash) VALUES ('ann', 'ann@example.com', 'x')`,
  );
  productId = await insertOne(
    `INSERT INTO products.products (name, price, stock) VALUES ('Kettle', 10, ${UNITS})`,
  );
});
afterEach(async () => {
  await admin.end();
  await database.release();
});

async function insertOne(sql: string): Promise<number> {
  return (await admin.query(`${sql} RETURNING id`)).rows[0].id;
}

/** How many PostgreSQL has broken in this database: a session that has ended has reported its own. */
async function deadlocks(): Promise<number> {
  const sql = 'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()';
  return (await admin.query(sql)).rows[0].deadlocks;
}

/** Runs `work` over and over on several connections at once. Gives the SQLSTATE of each failure. */
async function race(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<string[]> {
  const failures = await Promise.all(
    Array.from({ length: CONNECTIONS_EACH }, async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const codes: string[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        await work(client).catch((error: unknown) =>
          codes.push(error instanceof pg.DatabaseError ? (error.code ?? 'none') : String(error)),
        );
      }
      await client.end();
      return codes;
    }),
  );
  return failures.flat();
}

let orders = 0;
const nextOrder = (): number => {
  orders += 1;
  return orders;
};

const wanted = (): Reservable => ({
  orderId: nextOrder(),
  userId,
  productId,
  quantity: 1,
  trace: null,
  priority: 0,
});

/** What the orders service does: the foreign key locks the product's row FOR KEY SHARE. */
const placeOrder = (client: pg.Client) =>
  client.query(
    'INSERT INTO orders.orders (user_id, product_id, quantity, unit_price, total_price) VALUES ($1, $2, 1, 10, 10)',
    [userId, productId],
  );

async function expectNoDeadlock(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const errors = await Promise.all([
    race(database.urls.orders, placeOrder),
    race(database.urls.products, work),
  ]);
  expect({ errors: errors.flat(), deadlocks: await deadlocks() }).toEqual({ errors: [], deadlocks: 0 });
}

const COUNT = CONNECTIONS_EACH * ROUNDS;

describe.each([
  ['no limit', null],
  ['a limit that counts', 2 * UNITS],
])('orders of one popular product, with %s of what a customer may hold', (_, maxOpen) => {
  const limits = { maxUnits: 2 * UNITS, maxOpen };

  it('are placed and reserved, eight at a time each, without a deadlock', async () => {
    await expectNoDeadlock((client) => createReservationStore(client, NO_CACHE, limits).reserve([wanted()]));
    const { rows } = await admin.query('SELECT stock, version FROM products.products');
    expect(rows).toEqual([{ stock: UNITS - COUNT, version: 1 + COUNT }]);
  }, 120_000);

  it('are placed, reserved and released, and others refused, without a deadlock', async () => {
    await expectNoDeadlock(async (client) => {
      const reservations = createReservationStore(client, NO_CACHE, limits);
      const order = wanted();
      await reservations.reserve([order]);
      await reservations.release([order]);
      await reservations.reserve([{ ...wanted(), quantity: UNITS + 1 }]);
    });
    const { rows } = await admin.query('SELECT stock, version FROM products.products');
    expect(rows).toEqual([{ stock: UNITS, version: 1 + 2 * COUNT }]);
  }, 120_000);
});
