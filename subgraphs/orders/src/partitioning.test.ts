// The statements that docs/scaling.md recommends for partitioning orders, and what holds afterwards: one key, one order.
import { readFile } from 'node:fs/promises';
import { declaredStatements } from '@holdfast/platform/postgres/sql';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createOrdersFixture, type OrdersFixture } from './testing.ts';

/** The first number of the second partition. */
const BOUNDARY = 300_000_000;

let fixture: OrdersFixture;
/** An order of before, under the key 'before'. */
let before: number;
const withKey = (key: string, more: object = {}) => ({
  ...fixture.wanted,
  ...more,
  idempotency: { key, hash: Buffer.from(key) },
});

async function placed(key: string): Promise<number> {
  const order = await fixture.orders.insert(withKey(key));
  if (typeof order === 'string') throw new Error(`the order was not placed: ${order}`);
  return order.id;
}

const nextNumber = (id: number) =>
  fixture.admin.query("SELECT setval('orders.orders_id_seq', $1, false)", [id]);

beforeAll(async () => {
  fixture = await createOrdersFixture();
  before = await placed('before');
  // So the connection of the service has parsed its statements when the tables change.
  expect(await fixture.orders.insert(withKey('before'))).toBe('key used');
  const text = await readFile(new URL('../../../docs/scaling.md', import.meta.url), 'utf8');
  const statements = /```sql[^\n]*\n(BEGIN;\n[\s\S]*?)```/.exec(text)?.[1];
  if (statements === undefined) throw new Error('docs/scaling.md has no statements that begin with BEGIN');
  await fixture.admin.query(statements);
});
afterAll(() => fixture?.close());

it('orders of before are where they were, and change as ever', async () => {
  const { orders, userId, customer } = fixture;
  expect(await orders.byIdempotencyKey(userId, 'before')).toMatchObject({ id: before });
  expect(await orders.insert(withKey('before'))).toBe('key used');
  await orders.settle(before, { outcome: 'CONFIRMED' });
  expect(await orders.cancel(before, 2, customer, null)).toMatchObject({ status: 'CANCELLED', version: 3 });
  const [history = []] = await orders.histories([before]);
  expect(history.map(({ status }) => status)).toEqual(['PENDING', 'CONFIRMED', 'CANCELLED']);
});

it('one key is one order of twenty at once, on either side of the boundary and across it', async () => {
  for (const [key, first] of [
    ['below', BOUNDARY - 1_000],
    ['across', BOUNDARY - 10],
    ['above', BOUNDARY + 1_000],
  ] as const) {
    await nextNumber(first);
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => fixture.orders.insert(withKey(key))));
    expect(outcomes.filter((outcome) => outcome !== 'key used')).toHaveLength(1);
    expect(await fixture.orders.byIdempotencyKey(fixture.userId, key)).toMatchObject({ status: 'PENDING' });
  }
});

it('an order of a product that is not there is refused as ever, in both partitions', async () => {
  for (const first of [BOUNDARY - 500, BOUNDARY + 2_000]) {
    await nextNumber(first);
    const unknown = withKey(`unknown ${first}`, { productId: 1_000_000 });
    expect(await fixture.orders.insert(unknown)).toBe('no such product');
  }
});

it('lists go on across the boundary, and a page of the newest reads the newest partition only', async () => {
  const { admin, orders, userId } = fixture;
  await nextNumber(BOUNDARY - 2);
  for (const key of ['a', 'b', 'c', 'd']) await placed(key);
  const rows = await orders.page({ limit: 100, userId, after: BOUNDARY + 2 });
  expect(rows.slice(0, 4).map(({ id }) => id - BOUNDARY)).toEqual([1, 0, -1, -2]);
  const { rows: tables } = await admin.query(
    'SELECT DISTINCT tableoid::regclass::text AS name FROM orders.orders ORDER BY name',
  );
  expect(tables.map(({ name }) => name)).toEqual(['orders.orders_p1', 'orders.orders_p2']);
  const { rows: plan } = await admin.query(
    'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT id FROM orders.orders ORDER BY id DESC LIMIT 1',
  );
  expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toMatch(/orders_p1.*\(never executed\)/);
});

it('an order is looked up by its number in its own partition only', async () => {
  const { admin } = fixture;
  const { text } = declaredStatements().find(({ name }) => name === 'orders_by_ids') ?? { text: '' };
  await admin.query(`PREPARE look_up AS ${text}`);
  // PostgreSQL plans for the numbers that are given for as long as that is the cheaper plan.
  const { rows } = await admin.query(`EXPLAIN (COSTS OFF) EXECUTE look_up ('{${before}}')`);
  const plan = rows.map((line) => line['QUERY PLAN']).join('\n');
  expect(plan).toContain('orders_p1');
  expect(plan).not.toContain('orders_p2');
});
