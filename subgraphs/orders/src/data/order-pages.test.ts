// Pages of orders: complete, in order, and read from an index with every filter.
import { loadWithoutIndexes } from '@holdfast/database/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createOrdersFixture, type OrdersFixture } from '../testing.ts';
import { type OrderPageQuery, selectOrderPage } from './order-pages.ts';
import type { Order } from './orders.ts';

const COUNT = 8_000;
/** Of 200 users each has every 200th; every 500th is SHIPPED, the older half of the others DELIVERED. */
const FILL = `WITH people AS (
    INSERT INTO users.users (username, email, password_hash)
    SELECT 'user-' || n, 'user-' || n || '@example.com', 'x' FROM generate_series(0, 199) AS n
    RETURNING id, username
  )
  INSERT INTO orders.orders (user_id, product_id, quantity, unit_price, total_price, status)
  SELECT people.id, $1, 1, 10, 10,
         CASE WHEN n % 500 = 0 THEN 'SHIPPED' WHEN n <= ${COUNT / 2} THEN 'DELIVERED' ELSE 'CONFIRMED' END
    FROM generate_series(1, ${COUNT}) AS n JOIN people ON username = 'user-' || n % 200`;

let fixture: OrdersFixture;
let bob: number;

beforeAll(async () => {
  fixture = await createOrdersFixture();
  const { admin, productId } = fixture;
  await loadWithoutIndexes(admin, 'orders.orders', () => admin.query(FILL, [productId]));
  const { rows } = await admin.query("SELECT id FROM users.users WHERE username = 'user-0'");
  bob = rows[0].id;
  await admin.query('VACUUM ANALYZE orders.orders');
}, 30_000);
afterAll(() => fixture?.close());

type Filter = Omit<OrderPageQuery, 'limit' | 'after'>;
const filters = (): [name: string, filter: Filter, total: number][] => [
  ['everything', {}, COUNT],
  ['a rare status', { status: 'SHIPPED' }, COUNT / 500],
  ['a common status', { status: 'CONFIRMED' }, COUNT / 2 - COUNT / 1000],
  ['a common status of old orders', { status: 'DELIVERED' }, COUNT / 2 - COUNT / 1000],
  ['a user', { userId: bob }, COUNT / 200],
  ['a user and a status', { userId: bob, status: 'SHIPPED' }, COUNT / 1000],
  ['a status that none has', { status: 'REJECTED' }, 0],
];

/** Every page of the list from the newest to the oldest. */
async function allPages(filter: Filter, limit: number): Promise<Order[]> {
  const rows: Order[] = [];
  for (;;) {
    const page: Order[] = await fixture.orders.page({ ...filter, limit, after: rows.at(-1)?.id });
    rows.push(...page);
    if (page.length < limit) return rows;
  }
}

describe('pages of orders', () => {
  it('show each order that fits once, newest first', async () => {
    for (const [name, filter, total] of filters()) {
      const ids = (await allPages(filter, total > 1_000 ? 100 : 7)).map(({ id }) => id);
      expect({ name, count: ids.length }).toEqual({ name, count: total });
      expect(ids).toEqual([...new Set(ids)].sort((one, other) => other - one));
    }
  });

  it('show only orders that match the filter', async () => {
    for (const [, filter] of filters())
      for (const order of await fixture.orders.page({ ...filter, limit: 100 }))
        expect(order).toMatchObject(filter);
  });

  it('read a page’s worth of rows, from an index, wherever the page is', async () => {
    const PAGE = 20;
    for (const [name, filter] of filters()) {
      const middle = (await fixture.orders.page({ ...filter, limit: 10 })).at(-1)?.id;
      for (const after of [undefined, middle]) {
        // The fifth time on, PostgreSQL may keep one plan for all parameters: that one must be good too.
        const query = { ...filter, limit: PAGE, after };
        expect({ name, ...(await costOf(query, 10)) }).toEqual({ name, whole: 0, many: false });
      }
    }
  });
});

interface Cost {
  /** Scans of the whole table. */
  readonly whole: number;
  /** Whether too many rows of an index were read. */
  readonly many: boolean;
}

/**
 * What `times` readings of a page cost. PostgreSQL may count the earlier work of another connection late, and does so once, so only
 * three expensive measurements count.
 */
async function costOf(query: OrderPageQuery, times: number): Promise<Cost> {
  for (let tries = 1; ; tries += 1) {
    const cost = await measure(query, times);
    if (tries === 3 || (cost.whole === 0 && !cost.many)) return cost;
  }
}

/** Reads the pages on a connection of its own. */
async function measure(query: OrderPageQuery, times: number): Promise<Cost> {
  const client = new pg.Client({ connectionString: fixture.database.urls.orders });
  await client.connect();
  try {
    const before = await scans(client);
    for (let time = 0; time < times; time += 1) await selectOrderPage(client, query);
    const after = await scans(client);
    return { whole: after.whole - before.whole, many: after.rows - before.rows > times * query.limit * 2 };
  } finally {
    await client.end();
  }
}

async function scans(client: pg.Client): Promise<{ whole: number; rows: number }> {
  await client.query('SELECT pg_stat_force_next_flush()');
  await fixture.admin.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await fixture.admin.query(
    `SELECT seq_scan::int AS whole,
            (SELECT sum(idx_tup_read)::int FROM pg_stat_user_indexes WHERE relid = t.relid) AS rows
       FROM pg_stat_user_tables t WHERE relid = 'orders.orders'::regclass`,
  );
  return rows[0];
}
