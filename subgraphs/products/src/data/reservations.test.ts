// The statements on which "no oversold order" rests, each against another connection that is in its way.

import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import type { Queryable } from '@holdfast/platform/postgres/database';
import { GiveWay } from '@holdfast/platform/queue/give-way';
import { Unworkable } from '@holdfast/platform/queue/queue';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createMemoryStore } from './cache/memory-store.ts';
import { createProductCache, NO_CACHE } from './cache/product-cache.ts';
import { shipReservation } from './finished-reservations.ts';
import { selectByIds } from './product-statements.ts';
import { createProductStore } from './products.ts';
import { createReservationStore, type PurchaseLimits } from './reservations.ts';

let database: TestDatabase;
let admin: pg.Client;
let first: pg.Client;
let second: pg.Client;
let productId: number;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  first = new pg.Client({ connectionString: database.urls.products });
  second = new pg.Client({ connectionString: database.urls.products });
  await Promise.all([admin, first, second].map((client) => client.connect()));
});
beforeEach(async () => {
  await admin.query(
    'DELETE FROM products.reservations; DELETE FROM products.products; DELETE FROM graphile_worker._private_jobs',
  );
  const { rows } = await admin.query(
    `INSERT INTO products.products (name, price, stock) VALUES ('Kettle', 10, 5) RETURNING id`,
  );
  productId = rows[0].id;
});
afterAll(async () => {
  await Promise.all([admin, first, second].map((client) => client.end()));
  await database.release();
});

let orders = 0;
/** An id that no order of this file has had; BIGINT, so above what an INTEGER holds. */
const nextOrder = (): number => {
  orders += 1;
  return 3_000_000_000 + orders;
};

const NO_LIMITS: PurchaseLimits = { maxUnits: 10_000, maxOpen: null };

const reserveStock = (on: pg.Client, orderId: number, product: number, quantity: number): Promise<void> =>
  createReservationStore(on, NO_CACHE, NO_LIMITS).reserve([
    { orderId, userId: 1, productId: product, quantity, trace: null, priority: 0 },
  ]);
/** In one batch, orders of the product given as number and quantity. */
const reserveAll = (on: pg.Client, ...wanted: [orderId: number, quantity: number][]): Promise<void> =>
  createReservationStore(on, NO_CACHE, NO_LIMITS).reserve(
    wanted.map(([orderId, quantity]) => ({
      orderId,
      userId: 1,
      productId,
      quantity,
      trace: null,
      priority: 0,
    })),
  );
const releaseStock = (on: pg.Client, orderId: number): Promise<void> =>
  createReservationStore(on, NO_CACHE, NO_LIMITS).release([{ orderId, productId }]);

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

  it('decides anew when the stock has changed between the decision and the write', async () => {
    const [small, large] = [nextOrder(), nextOrder()];
    // The guard of the first UPDATE fails for seven units of five. Then it waits, having seen a stock of five.
    await whileFirstHolds(
      () => first.query('UPDATE products.products SET stock = 8 WHERE id = $1', [productId]),
      () => reserveAll(second, [small, 2], [large, 5]),
    );
    expect([await stock(), await statusOf(small), await statusOf(large)]).toEqual([1, 'HELD', 'HELD']);
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

/** What was announced of an order to the orders service. */
const outcomeOf = async (orderId: number) =>
  (
    await admin.query(
      `SELECT payload FROM graphile_worker._private_jobs WHERE payload->>'orderId' = $1::text`,
      [orderId],
    )
  ).rows.map(({ payload }) => payload);

describe('reserving for many orders at once', () => {
  it('decides orders in the order of placing, and an order that does not fit leaves the units to smaller ones', async () => {
    const [one, two, three, four] = [nextOrder(), nextOrder(), nextOrder(), nextOrder()];
    // Given in another order than they were placed.
    await reserveAll(first, [four, 1], [two, 3], [three, 2], [one, 3]);
    const outcomes = await Promise.all([one, two, three, four].map(outcomeOf));
    expect(outcomes).toMatchObject([
      [{ orderId: one, outcome: 'CONFIRMED' }],
      [{ orderId: two, outcome: 'REJECTED', code: 'OUT_OF_STOCK', available: 2 }],
      [{ orderId: three, outcome: 'CONFIRMED' }],
      [{ orderId: four, outcome: 'REJECTED', code: 'OUT_OF_STOCK', available: 0 }],
    ]);
    expect(await stock()).toBe(0);
  });

  it('changes each product once, and tells of all outcomes with one notification', async () => {
    const notified: (string | undefined)[] = [];
    admin.on('notification', ({ payload }) => notified.push(payload));
    await admin.query('LISTEN "jobs:insert"');
    await reserveAll(first, [nextOrder(), 1], [nextOrder(), 1], [nextOrder(), 1]);
    const { rows } = await admin.query('SELECT stock, version FROM products.products');
    expect(rows).toEqual([{ stock: 2, version: 2 }]);
    expect(await settlements()).toBe(3);
    expect(notified).toHaveLength(1);
  });

  it('leaves out those that are decided already', async () => {
    const [before, after] = [nextOrder(), nextOrder()];
    await reserveStock(first, before, productId, 2);
    await reserveAll(first, [before, 2], [after, 3]);
    expect([await stock(), await settlements()]).toEqual([0, 2]);
  });

  it('reserves no order when one names no product, and reports that order as unworkable', async () => {
    const good = { orderId: nextOrder(), userId: 1, productId, quantity: 1, trace: null, priority: 0 };
    const bad = { ...good, orderId: nextOrder(), productId: 1_000_000 };
    await expect(
      createReservationStore(first, NO_CACHE, NO_LIMITS).reserve([good, bad]),
    ).rejects.toBeInstanceOf(Unworkable);
    expect([await stock(), await settlements()]).toEqual([5, 0]);
  });

  it('is done although the products cannot be read after it, and no page shows what was before', async () => {
    const cache = createProductCache(createMemoryStore(30_000, 1_000_000));
    let statements = 0;
    const failing: Queryable = {
      query: <Row extends pg.QueryResultRow>(config: pg.QueryConfig) => {
        statements += 1;
        return statements === 2 ? Promise.reject(new Error('cancelled')) : first.query<Row>(config);
      },
    };
    const order = { orderId: nextOrder(), userId: 1, productId, quantity: 2, trace: null, priority: 0 };
    const stockOnPage = async () =>
      (await cache.page('all', () => selectByIds(first, { ids: [productId] })))[0]?.stock;
    expect(await stockOnPage()).toBe(5);
    await createReservationStore(failing, cache, NO_LIMITS).reserve([order]);
    expect([statements, await stock(), await stockOnPage()]).toEqual([2, 3, 3]);
  });

  it('takes the units once when two batches with the same order run at the same time', async () => {
    const [both, another] = [nextOrder(), nextOrder()];
    const error = await whileFirstHolds(
      () => reserveAll(first, [both, 2]),
      () => reserveAll(second, [both, 2], [another, 1]),
    );
    expect(error).toMatchObject({ code: '23505' });
    expect([await stock(), await statusOf(another)]).toEqual([3, undefined]);
  });
});

describe('purchase limits', () => {
  const [ANN, BEN] = [1, 2];
  const AT_MOST_3: PurchaseLimits = { maxUnits: 10_000, maxOpen: 3 };
  type Wanted = readonly [orderId: number, userId: number, quantity: number, product?: number];
  const reserveFor = (on: pg.Client, limits: PurchaseLimits, ...wanted: Wanted[]): Promise<void> =>
    createReservationStore(on, NO_CACHE, limits).reserve(
      wanted.map(([orderId, userId, quantity, product = productId]) => ({
        orderId,
        userId,
        productId: product,
        quantity,
        trace: null,
        priority: 0,
      })),
    );
  const limitReached = (limit: number, held: number) => ({ code: 'PURCHASE_LIMIT', limit, held });

  it('refuse an order of more units than one may have, and leave them to the others', async () => {
    const [large, small, exact] = [nextOrder(), nextOrder(), nextOrder()];
    await reserveFor(
      first,
      { maxUnits: 2, maxOpen: null },
      [large, ANN, 3],
      [small, ANN, 1],
      [exact, BEN, 2],
    );
    expect(await Promise.all([large, small, exact].map(outcomeOf))).toMatchObject([
      [limitReached(2, 0)],
      [{ outcome: 'CONFIRMED' }],
      [{ outcome: 'CONFIRMED' }],
    ]);
    expect([await stock(), await statusOf(large)]).toEqual([2, 'REFUSED']);
    const alone = nextOrder();
    await reserveFor(first, { maxUnits: 2, maxOpen: null }, [alone, BEN, 5]);
    expect([await stock(), await outcomeOf(alone)]).toMatchObject([
      2,
      [{ ...limitReached(2, 0), available: 2 }],
    ]);
    const { rows } = await admin.query('SELECT version FROM products.products');
    expect(rows).toEqual([{ version: 2 }]);
  });

  it('count what each customer holds of each product, in the order in which it was ordered', async () => {
    const ids = Array.from({ length: 6 }, nextOrder);
    const [one, two, three, bens, four] = ids.map(Number);
    const cup = (
      await admin.query(
        "INSERT INTO products.products (name, price, stock) VALUES ('Cup', 1, 9) RETURNING id",
      )
    ).rows[0].id;
    await reserveFor(
      first,
      AT_MOST_3,
      [four ?? 0, ANN, 1],
      [two ?? 0, ANN, 2],
      [one ?? 0, ANN, 2],
      [three ?? 0, ANN, 2, cup],
      [bens ?? 0, BEN, 2],
    );
    expect(await Promise.all([one, two, three, bens, four].map((id) => outcomeOf(id ?? 0)))).toMatchObject([
      [{ outcome: 'CONFIRMED' }],
      [limitReached(3, 2)],
      [{ outcome: 'CONFIRMED' }],
      [{ outcome: 'CONFIRMED' }],
      [{ outcome: 'CONFIRMED' }],
    ]);
    expect(await stock()).toBe(0);
    // An order past the limit is refused for the limit, also when the stock would not do.
    const late = nextOrder();
    await reserveFor(first, AT_MOST_3, [late, ANN, 1]);
    expect(await outcomeOf(late)).toMatchObject([limitReached(3, 3)]);
  });

  it('count only what is held: not what was released, refused or shipped', async () => {
    const [shipped, released, refused] = [nextOrder(), nextOrder(), nextOrder()];
    await reserveFor(first, AT_MOST_3, [shipped, ANN, 1], [released, ANN, 2], [refused, ANN, 1]);
    expect(await statusOf(refused)).toBe('REFUSED');
    await shipReservation(first, shipped);
    await releaseStock(first, released);
    const again = nextOrder();
    await reserveFor(first, AT_MOST_3, [again, ANN, 3]);
    expect(await statusOf(again)).toBe('HELD');
  });

  it('take no unit of an order that the stock is too small for', async () => {
    const [tooMuch, fits] = [nextOrder(), nextOrder()];
    await admin.query('UPDATE products.products SET stock = 2');
    await reserveFor(first, AT_MOST_3, [tooMuch, ANN, 3], [fits, ANN, 2]);
    expect(await outcomeOf(tooMuch)).toMatchObject([{ code: 'OUT_OF_STOCK', available: 2 }]);
    expect([await stock(), await statusOf(fits)]).toEqual([0, 'HELD']);
  });

  it('see what another worker has reserved while they waited for the product', async () => {
    const [before, after] = [nextOrder(), nextOrder()];
    await whileFirstHolds(
      () => reserveFor(first, AT_MOST_3, [before, ANN, 2]),
      () => reserveFor(second, AT_MOST_3, [after, ANN, 2]),
    );
    expect(await outcomeOf(after)).toMatchObject([limitReached(3, 2)]);
    expect(await stock()).toBe(3);
  });

  it('also when the stock is by then what it was: another customer’s units came back meanwhile', async () => {
    const [bens, before, after] = [nextOrder(), nextOrder(), nextOrder()];
    await reserveFor(first, AT_MOST_3, [bens, BEN, 2]);
    await whileFirstHolds(
      async () => {
        await releaseStock(first, bens);
        await reserveFor(first, AT_MOST_3, [before, ANN, 2]);
      },
      () => reserveFor(second, AT_MOST_3, [after, ANN, 2]),
    );
    expect(await outcomeOf(after)).toMatchObject([limitReached(3, 2)]);
    expect(await stock()).toBe(3);
  });

  it('also of an instance without the limit, as during a roll-out of the setting', async () => {
    const after = nextOrder();
    await whileFirstHolds(
      () => reserveFor(first, NO_LIMITS, [nextOrder(), ANN, 2]),
      () => reserveFor(second, AT_MOST_3, [after, ANN, 2]),
    );
    expect(await outcomeOf(after)).toMatchObject([limitReached(3, 2)]);
  });

  it('cost one look-up for each product of a batch, by an index of what is held; without them there is none', async () => {
    const cup = (
      await admin.query(
        "INSERT INTO products.products (name, price, stock) VALUES ('Cup', 1, 9) RETURNING id",
      )
    ).rows[0].id;
    await admin.query(
      `INSERT INTO products.reservations (order_id, user_id, product_id, quantity, status)
       SELECT n, $1, $2, 1, 'SHIPPED' FROM generate_series(1, 5000) AS n`,
      [ANN, productId],
    );
    await reserveFor(first, NO_LIMITS, [nextOrder(), ANN, 1]);
    await admin.query('VACUUM ANALYZE products.reservations');
    /** How often a session reads the index while it runs only this work, and how many rows it reads. */
    const reads = async (limits: PurchaseLimits) => {
      const session = new pg.Client({ connectionString: database.urls.products });
      await session.connect();
      await session.query('BEGIN');
      const batch = Array.from(
        { length: 50 },
        (_, n): Wanted => [nextOrder(), ANN, 1, n % 2 ? cup : undefined],
      );
      await reserveFor(session, limits, ...batch);
      const { rows } = await session.query(
        `SELECT pg_stat_get_xact_numscans(index)::int AS scans, pg_stat_get_xact_tuples_returned(index)::int AS rows
           FROM (SELECT 'products.reservations_held_idx'::regclass AS index) AS held`,
      );
      await session.end();
      return rows[0];
    };
    expect(await reads(AT_MOST_3)).toEqual({ scans: 2, rows: 1 });
    expect(await reads(NO_LIMITS)).toEqual({ scans: 0, rows: 0 });
  });

  it('are not passed by racing workers, and are used to the full', async () => {
    await admin.query('UPDATE products.products SET stock = 100000');
    const clients = Array.from(
      { length: 6 },
      () => new pg.Client({ connectionString: database.urls.products }),
    );
    await Promise.all(clients.map((client) => client.connect()));
    try {
      for (let limit = 10; limit <= 40; limit += 10) {
        const limits = { maxUnits: 100, maxOpen: limit };
        await Promise.all(
          clients.map(async (client) => {
            for (let batch = 0; batch < 10; batch += 1)
              await reserveFor(
                client,
                limits,
                ...[ANN, BEN, ANN].map((user): Wanted => [nextOrder(), user, 1 + (batch % 3)]),
              );
          }),
        );
        const { rows } = await admin.query(
          `SELECT user_id, sum(quantity)::int AS units FROM products.reservations
            WHERE status = 'HELD' GROUP BY user_id ORDER BY user_id`,
        );
        expect(rows).toEqual([
          { user_id: ANN, units: limit },
          { user_id: BEN, units: limit },
        ]);
      }
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  });
});

describe('releasing', () => {
  it('returns the units once, and no units for a rejected order', async () => {
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

  it('puts them back once when the job runs twice at the same time: the second fails, and finds it done when it is retried', async () => {
    const order = nextOrder();
    await reserveStock(first, order, productId, 2);
    const error = await whileFirstHolds(
      () => releaseStock(first, order),
      () => releaseStock(second, order),
    );
    expect(error).toMatchObject({ code: '40001' });
    await releaseStock(second, order);
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
  it('is changed by no statement', async () => {
    const pool = new pg.Pool({ connectionString: database.urls.products });
    try {
      const store = createProductStore(pool, NO_CACHE, () => pool);
      await store.archive(productId, 1);
      expect(await store.update(productId, 2, true, { name: 'Back again' })).toBeUndefined();
      expect(await store.adjustStock(productId, 1, 100, undefined)).toBeUndefined();
      expect(await store.archive(productId, 2)).toBeFalsy();
      expect((await store.byIds([productId]))[0]).toMatchObject({ name: 'Kettle', stock: 5, version: 2 });
    } finally {
      await pool.end();
    }
  });
});
