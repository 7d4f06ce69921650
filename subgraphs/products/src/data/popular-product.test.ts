// Everybody wants the same product: the statements that lock its row, on connections of their own, at the same time.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { NO_CACHE } from './cache/product-cache.ts';
import { createReservationStore, type Reservable } from './reservations.ts';

const CONNECTIONS_EACH = 4;
const ROUNDS = 30;
const UNITS = 1_000_000;

let database: TestDatabase;
let admin: pg.Client;
let userId: number;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  userId = await insertOne(
    `INSERT INTO users.users (username, email, password_hash) VALUES ('ann', 'ann@example.com', 'x')`,
  );
});
afterAll(async () => {
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
async function race(
  url: string,
  work: (client: pg.Client, round: number) => Promise<unknown>,
): Promise<string[]> {
  const failures = await Promise.all(
    Array.from({ length: CONNECTIONS_EACH }, async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const codes: string[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        await work(client, round).catch((error: unknown) =>
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

it.each([
  ['no limit', null],
  ['a limit that counts', 2 * UNITS],
])(
  'orders of one popular product are placed, reserved, released and refused at the same time without a deadlock, with %s of what a customer may hold',
  async (_, maxOpen) => {
    const productId = await insertOne(
      `INSERT INTO products.products (name, price, stock) VALUES ('Kettle', 10, ${UNITS})`,
    );
    /** What the orders service does: the foreign key locks the product's row FOR KEY SHARE. */
    const placeOrder = (client: pg.Client) =>
      client.query(
        'INSERT INTO orders.orders (user_id, product_id, quantity, unit_price, total_price) VALUES ($1, $2, 1, 10, 10)',
        [userId, productId],
      );
    const wanted = (): Reservable => ({
      orderId: nextOrder(),
      userId,
      productId,
      quantity: 1,
      trace: null,
      priority: 0,
    });
    const decide = async (client: pg.Client, round: number) => {
      const reservations = createReservationStore(client, NO_CACHE, { maxUnits: 2 * UNITS, maxOpen });
      const order = wanted();
      await reservations.reserve([order]);
      if (round % 2 === 0) await reservations.release([order]);
      await reservations.reserve([{ ...wanted(), quantity: UNITS + 1 }]);
    };
    const errors = await Promise.all([
      race(database.urls.orders, placeOrder),
      race(database.urls.products, decide),
    ]);
    expect({ errors: errors.flat(), deadlocks: await deadlocks() }).toEqual({ errors: [], deadlocks: 0 });
    const { rows } = await admin.query('SELECT stock, version FROM products.products WHERE id = $1', [
      productId,
    ]);
    const reserved = CONNECTIONS_EACH * ROUNDS;
    expect(rows).toEqual([{ stock: UNITS - reserved / 2, version: 1 + reserved + reserved / 2 }]);
  },
  120_000,
);
