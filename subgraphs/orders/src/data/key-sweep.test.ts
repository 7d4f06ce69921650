// The sweep of the keys of orders: an old key is forgotten, and then stands for something new.
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { createOrdersFixture, type OrdersFixture } from '../testing.ts';
import { sweepKeys } from './idempotency-keys.ts';

let fixture: OrdersFixture;
beforeAll(async () => {
  fixture = await createOrdersFixture();
});
beforeEach(() => fixture.deleteOrders());
afterAll(() => fixture.close());

const withKey = (key: string) => ({
  ...fixture.wanted,
  idempotency: { key, hash: Buffer.from('h') },
});

async function use(key: string, daysAgo: number): Promise<void> {
  await fixture.orders.insert(withKey(key));
  await fixture.admin.query(
    "UPDATE orders.idempotency_keys SET created_at = now() - $2 * interval '1 day' WHERE key = $1",
    [key, daysAgo],
  );
}

async function keys(): Promise<string[]> {
  const { rows } = await fixture.admin.query('SELECT key FROM orders.idempotency_keys ORDER BY key');
  return rows.map(({ key }) => key);
}

it('deletes the old ones, oldest first, no more than the given number, and no order', async () => {
  await use('a', 91);
  await use('b', 200);
  await use('c', 89);
  await use('d', 90.5);
  expect(await sweepKeys(fixture.pool, 2, 90)).toBe(2);
  expect(await keys()).toEqual(['c', 'd']);
  expect(await sweepKeys(fixture.pool, 2, 90)).toBe(1);
  expect(await sweepKeys(fixture.pool, 2, 90)).toBe(0);
  expect((await fixture.admin.query('SELECT FROM orders.orders')).rowCount).toBe(4);
  expect(await fixture.orders.insert(withKey('b'))).toMatchObject({ status: 'PENDING' });
  expect(await fixture.orders.insert(withKey('c'))).toBe('key used');
});

it('shares the keys with another sweep at the same time', async () => {
  for (let count = 0; count < 20; count += 1) await use(String(count), 100);
  let swept = 0;
  while ((await keys()).length > 0)
    for (const count of await Promise.all([sweepKeys(fixture.pool, 3, 90), sweepKeys(fixture.pool, 3, 90)]))
      swept += count;
  expect(swept).toBe(20);
});
