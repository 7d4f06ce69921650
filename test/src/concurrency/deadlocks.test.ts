// All statements take row locks in one order, so that no two of them deadlock: batches of inserts, reservations, settlements and
// releases that share their products, orders and keys, and edits of those products, run at once over several connections.
import { cancelOrder, insertOrders, settleOrders } from '@holdfast/orders/data/order-statements';
import { NO_CACHE } from '@holdfast/products/data/cache/product-cache';
import { adjustOnce, updateGuarded } from '@holdfast/products/data/product-statements';
import { createReservationStore } from '@holdfast/products/data/reservations';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../setup/database.ts';
import { rounds, timeLimitMs } from '../support/long.ts';

const PRODUCTS = 4;
const UNITS = 120;
const WORKERS = 4;
const BATCH = 12;

let database: TestDatabase;
let admin: pg.Client;
let userId: number;
let productIds: number[];
/** Units that were put into each product, by its id. */
let putIn: Map<number, number>;

beforeEach(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  const user = await admin.query(
    `INSERT INTO users.users (username, email, password_hash) VALUES ('ann', 'ann@example.com', 'x') RETURNING id`,
  );
  const products = await admin.query(
    `INSERT INTO products.products (name, price, stock) SELECT 'Kettle', 10, ${UNITS} FROM generate_series(1, ${PRODUCTS}) RETURNING id`,
  );
  userId = user.rows[0].id;
  productIds = products.rows.map(({ id }) => id);
  putIn = new Map(productIds.map((id) => [id, UNITS]));
});
afterEach(async () => {
  await admin.end();
  await database.release();
});

const range = (length: number): number[] => Array.from({ length }, (_, index) => index);
const random = (below: number): number => Math.floor(Math.random() * below);
const shuffled = <Item>(items: readonly Item[]): Item[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
const some = <Item>(items: readonly Item[]): Item[] => shuffled(items).slice(0, BATCH);
const list = <Item>(make: () => Item): Item[] => Array.from({ length: BATCH }, make);

interface PlacedOrder {
  readonly orderId: number;
  readonly productId: number;
  readonly userId: number;
  readonly quantity: number;
  readonly trace: null;
  readonly priority: number;
}

/** Makes a batch of orders, each with the values that these functions return. */
async function placeOrders(
  orders: pg.Client,
  make: { productId: () => number; quantity: () => number; key: () => string | null },
): Promise<PlacedOrder[]> {
  const placed = await insertOrders(orders, {
    userIds: list(() => userId),
    productIds: list(make.productId),
    quantities: list(make.quantity),
    unitPrices: list(() => '10.00'),
    keys: list(make.key),
    hashes: list(() => Buffer.alloc(32)),
    traces: list(() => null),
    actorRoles: list(() => 'CUSTOMER' as const),
  });
  return placed.map(({ id, productId, quantity }) => ({
    orderId: id,
    userId,
    productId,
    quantity,
    trace: null,
    priority: 0,
  }));
}

/** The steps of one of several processes of each service. Each knows all orders, so each order is handled several times. */
function createSteps(orders: pg.Client, products: pg.Client, known: PlacedOrder[]) {
  // Some count what each customer holds, under another lock. No customer exceeds the limit.
  const maxOpen = random(2) === 0 ? null : 1_000_000;
  const reservations = createReservationStore(products, NO_CACHE, { maxUnits: 4, maxOpen });
  return [
    async () => {
      known.push(
        ...(await placeOrders(orders, {
          productId: () => productIds[random(PRODUCTS)] ?? 0,
          quantity: () => 1 + random(4),
          key: () => `key ${random(400)}`,
        })),
      );
    },
    () => reservations.reserve(some(known)),
    async () => {
      // The orders service receives the outcomes from the queue, too.
      const { rows } = await products.query(
        `SELECT payload FROM graphile_worker._private_jobs ORDER BY random() LIMIT ${BATCH}`,
      );
      const answers = rows.map(({ payload }) => payload).filter(({ outcome }) => outcome !== undefined);
      await settleOrders(orders, {
        ids: answers.map(({ orderId }) => orderId),
        outcomes: answers.map(({ outcome }) => outcome),
        codes: answers.map(({ code }) => code ?? null),
        availables: answers.map(({ available }) => available ?? null),
        limits: answers.map(() => null),
        helds: answers.map(() => null),
      });
    },
    () => reservations.release(some(known.slice(0, known.length / 3))),
    async () => {
      const [order] = some(known);
      if (order !== undefined)
        await cancelOrder(orders, {
          id: order.orderId,
          expectedVersion: 2,
          actorId: userId,
          actorRole: 'CUSTOMER',
          reason: null,
          trace: null,
        });
    },
    async () => {
      const id = productIds[random(PRODUCTS)] ?? 0;
      const { rows } = await products.query('SELECT version FROM products.products WHERE id = $1', [id]);
      const change = {
        name: null,
        price: null,
        stock: null,
        description: 'edited',
        changed: ['description'],
      };
      await updateGuarded(products, { id, expectedVersion: rows[0].version, exact: false, ...change });
      const unit = { id, delta: 1, maxStock: 1_000_000, userId, key: null, hash: null };
      const added = await adjustOnce(products, unit);
      putIn.set(id, (putIn.get(id) ?? 0) + added.length);
    },
  ];
}

async function countDeadlocks(): Promise<number> {
  const { rows } = await admin.query(
    'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
  );
  return rows[0].deadlocks;
}

/** Runs steps of every kind in a random order. `refused` receives the SQLSTATE of each step that PostgreSQL refuses. */
async function work(known: PlacedOrder[], count: number, refused: string[]): Promise<void> {
  const orders = new pg.Client({ connectionString: database.urls.orders });
  const products = new pg.Client({ connectionString: database.urls.products });
  await Promise.all([orders.connect(), products.connect()]);
  try {
    for (let turn = 0; turn < count; turn += 1)
      for (const step of shuffled(createSteps(orders, products, known)))
        await step().catch((error: unknown) => {
          if (!(error instanceof pg.DatabaseError)) throw error;
          refused.push(error.code ?? 'none');
        });
  } finally {
    await Promise.all([orders.end(), products.end()]);
  }
}

/** Places orders, reserves all of them and releases a third, without a race. Returns how many of them have each status. */
async function reserveAndReleaseAlone(): Promise<Record<string, number>> {
  const [productId = 0] = productIds;
  await admin.query(`UPDATE products.products SET stock = stock + ${BATCH} WHERE id = $1`, [productId]);
  putIn.set(productId, (putIn.get(productId) ?? 0) + BATCH);
  const placed = await placeOrders(admin, { productId: () => productId, quantity: () => 1, key: () => null });
  const reservations = createReservationStore(admin, NO_CACHE, { maxUnits: 4, maxOpen: null });
  await reservations.reserve(placed);
  await reservations.release(placed.slice(0, BATCH / 3));
  const { rows } = await admin.query(
    `SELECT status::text, count(*)::int AS count FROM products.reservations WHERE order_id = ANY($1) GROUP BY status`,
    [placed.map(({ orderId }) => orderId)],
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

describe('batches of all steps of an order, and edits', () => {
  it(
    'never deadlock, and take and give each unit once',
    async () => {
      const known: PlacedOrder[] = [];
      const refused: string[] = [];
      for (const _ of rounds(1)) await Promise.all(range(WORKERS).map(() => work(known, 40, refused)));
      // When the same order is in two batches at the same time, the second is undone, and its orders are done one by one.
      expect(refused.filter((code) => !['23505', '40001'].includes(code))).toEqual([]);
      // The steps do their work also on the tables that the race leaves.
      expect(await reserveAndReleaseAlone()).toEqual({ HELD: BATCH - BATCH / 3, RELEASED: BATCH / 3 });
      expect(await countDeadlocks()).toBe(0);
      const { rows } = await admin.query(
        `SELECT id, stock + (SELECT coalesce(sum(quantity), 0)::int FROM products.reservations
                              WHERE product_id = products.id AND status = 'HELD') AS units
           FROM products.products ORDER BY id`,
      );
      expect(rows).toEqual(productIds.map((id) => ({ id, units: putIn.get(id) })));
    },
    timeLimitMs(180_000),
  );
});
