// The SQL of docs/restore.md, "Restore": what it reports about a restored copy, and that the copy never reuses an id or a version that a
// client may still hold from the lost time.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from './testing.ts';

const GIVEN_OUT = `SELECT schemaname || '.' || sequencename AS name, coalesce(last_value, 0)::int AS last FROM pg_sequences
                    WHERE schemaname NOT LIKE 'pg\\_%' AND schemaname <> 'graphile_worker' ORDER BY 1`;
const VERSIONS = `SELECT 'product' AS what, id, version, content_version AS least FROM products.products
                  UNION ALL SELECT 'account', id, version, version FROM users.users
                  UNION ALL SELECT status, id, version, version FROM orders.orders ORDER BY 1, 2`;

let old: TestDatabase;
let restored: TestDatabase;
let verify: string;
let forward: string;

beforeAll(async () => {
  [old, restored] = [await createTestDatabase(), await createTestDatabase()];
  const text = await readFile(new URL('../../docs/restore.md', import.meta.url), 'utf8');
  [verify = '', forward = ''] = [
    ...text.matchAll(/```sql tested=prisma\/src\/restore\.test\.ts\n([\s\S]*?)```/g),
  ].map(([, statements = '']) => statements);
});
afterAll(async () => {
  await old?.release();
  await restored?.release();
});

async function inside<T>({ adminUrl }: TestDatabase, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(adminUrl);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A shop with one account, one product, and a confirmed order without reserved units. */
const SHOP = `
  INSERT INTO users.users (username, email, password_hash, created_at) VALUES ('ann', 'ann@example.com', 'x', '2026-01-01Z');
  INSERT INTO products.products (name, price, stock) VALUES ('Kettle', 10, 5);
  INSERT INTO orders.orders (user_id, product_id, quantity, unit_price, total_price, status, created_at)
       VALUES (1, 1, 2, 10, 20, 'CONFIRMED', '2026-01-02Z')`;
const RESERVATION =
  "INSERT INTO products.reservations (order_id, user_id, product_id, quantity, status) VALUES (1, 1, 1, 2, 'HELD')";

test('the restored database shows how far it goes, and which orders have no reserved units', async () => {
  await inside(restored, async (client) => {
    await client.query(SHOP);
    const seen = async () => (await client.query(verify)).rows[0];
    expect(await seen()).toMatchObject({ orders_without_units: '1' });
    await client.query(RESERVATION);
    await client.query("UPDATE products.reservations SET status = 'RELEASED'");
    expect(await seen()).toMatchObject({ orders_without_units: '1' });
    await client.query("UPDATE products.reservations SET status = 'HELD'");
    expect(await seen()).toEqual({
      newest_order: new Date('2026-01-02Z'),
      newest_account: new Date('2026-01-01Z'),
      migrations: expect.stringMatching(/^[1-9]\d*$/),
      orders_without_units: '0',
    });
  });
});

/** An order of each other status. */
const OTHERS = `
  INSERT INTO orders.orders (user_id, product_id, quantity, unit_price, total_price, status, rejection_code)
       SELECT 1, 1, 1, 10, 10, status, CASE status WHEN 'REJECTED' THEN 'OUT_OF_STOCK'::orders.rejection_code END
         FROM unnest(ARRAY['PENDING', 'SHIPPED', 'REJECTED', 'CANCELLED', 'DELIVERED']) AS status`;

test('no id and no version is reused that the old database used after the backup', async () => {
  const lost = await inside(old, async (client) => {
    await client.query(`${SHOP};${RESERVATION}`);
    // After the backup every sequence moves on.
    await client.query(`SELECT setval((schemaname || '.' || sequencename)::regclass, coalesce(last_value, 0) + 50000)
                          FROM pg_sequences WHERE schemaname IN ('users', 'products', 'orders')`);
    return (await client.query(GIVEN_OUT)).rows;
  });
  await inside(restored, async (client) => {
    await client.query(OTHERS);
    const before = (await client.query(VERSIONS)).rows;
    await client.query(forward);
    const ids = (await client.query(GIVEN_OUT)).rows;
    expect(ids.map(({ name }) => name)).toEqual(lost.map(({ name }) => name));
    expect(ids.length).toBeGreaterThanOrEqual(3);
    for (const [index, { name, last }] of ids.entries())
      expect([name, last > lost[index].last]).toEqual([name, true]);
    // A write needs at least the version `least`, so versions from before the restore fail. A finished order has no more writes.
    const ENDS = ['REJECTED', 'CANCELLED', 'DELIVERED'];
    expect((await client.query(VERSIONS)).rows).toEqual(
      before.map(({ what, id, version }) => {
        const next = ENDS.includes(what) ? version : version + 1_000;
        return { what, id, version: next, least: next };
      }),
    );
    expect(before).toHaveLength(8);
  });
});
