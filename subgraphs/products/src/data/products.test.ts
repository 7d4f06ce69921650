// The statements that create a product and change its stock once for each key, each against another connection that is
// in its way.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { createReads } from '@holdfast/platform/postgres/reads';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { NO_CACHE, type ProductCache } from './cache/product-cache.ts';
import { type Idempotency, sweepKeys } from './idempotency-keys.ts';
import { createProductStore, type ProductStore } from './products.ts';

/** One connection, and the store over it. */
interface Connection {
  readonly pool: pg.Pool;
  readonly store: ProductStore;
}

let database: TestDatabase;
let admin: pg.Client;
let first: Connection;
let second: Connection;

function connection(): Connection {
  const pool = new pg.Pool({ connectionString: database.urls.products, max: 1 });
  return { pool, store: createProductStore(pool, NO_CACHE, createReads(pool, 2_000)) };
}

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  first = connection();
  second = connection();
});
beforeEach(() => admin.query('DELETE FROM products.idempotency_keys; DELETE FROM products.products'));
afterAll(async () => {
  await Promise.all([admin.end(), first.pool.end(), second.pool.end()]);
  await database.release();
});

const MAX_STOCK = 100;
const KETTLE = { name: 'Kettle', description: null, price: '10.00', stock: 5 };
const userId = 7;
const withKey = (key: string, user = userId): Idempotency => ({
  userId: user,
  key,
  hash: Buffer.from('hash'),
});

const rowsOf = async (sql: string): Promise<unknown[]> => (await admin.query(sql)).rows;
const products = () => rowsOf('SELECT stock, version FROM products.products ORDER BY id');
const keys = () => rowsOf('SELECT key FROM products.idempotency_keys ORDER BY key');

async function create(stock = 5): Promise<number> {
  const product = await first.store.insert({ ...KETTLE, stock }, undefined);
  return product?.id ?? 0;
}

/** Begins `blocked` while the first connection is in a transaction, and ends that once `blocked` waits for it. */
async function whileFirstHolds<Result>(
  work: () => Promise<unknown>,
  blocked: () => Promise<Result>,
  end: 'COMMIT' | 'ROLLBACK' = 'COMMIT',
): Promise<Result> {
  await first.pool.query('BEGIN');
  await work();
  const outcome = blocked();
  for (let waits = 0; waits === 0; ) {
    const { rowCount } = await admin.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    waits = rowCount ?? 0;
  }
  await first.pool.query(end);
  return outcome;
}

describe('a new product', () => {
  it('comes with its key, and not again with the same one', async () => {
    const created = await first.store.insert(KETTLE, withKey('k'));
    expect(created).toMatchObject({ ...KETTLE, version: 1, contentVersion: 1, archivedAt: null });
    expect(await second.store.insert(KETTLE, withKey('k'))).toBeUndefined();
    expect(await products()).toHaveLength(1);
    expect(await second.store.byKey(userId, 'k')).toEqual({
      requestHash: Buffer.from('hash'),
      product: created,
    });
  });

  it('is another one for another key, for another user and without a key', async () => {
    await first.store.insert(KETTLE, withKey('k'));
    await first.store.insert(KETTLE, withKey('l'));
    await first.store.insert(KETTLE, withKey('k', 8));
    await first.store.insert(KETTLE, undefined);
    await first.store.insert(KETTLE, undefined);
    expect(await products()).toHaveLength(5);
    expect(await keys()).toHaveLength(3);
  });

  it('is one of two that come with a key at once: the second waits for the first', async () => {
    const late = await whileFirstHolds(
      () => first.store.insert(KETTLE, withKey('k')),
      () => second.store.insert(KETTLE, withKey('k')),
    );
    expect(late).toBeUndefined();
    expect(await products()).toHaveLength(1);
  });

  it('is made by the second when the first one is undone', async () => {
    const late = await whileFirstHolds(
      () => first.store.insert(KETTLE, withKey('k')),
      () => second.store.insert(KETTLE, withKey('k')),
      'ROLLBACK',
    );
    expect((await second.store.byKey(userId, 'k'))?.product).toEqual(late);
    expect(await products()).toHaveLength(1);
  });

  it('is fenced in the cache before its row exists', async () => {
    const seen: unknown[] = [];
    const cache: ProductCache = {
      ...NO_CACHE,
      write: async (ids, work) => {
        seen.push(...ids, await products());
        return NO_CACHE.write(ids, work);
      },
    };
    const created = await createProductStore(second.pool, cache, () => second.pool).insert(KETTLE, undefined);
    expect(seen).toEqual([created?.id, []]);
    expect(await products()).toHaveLength(1);
  });

  it('leaves no key behind when it is refused', async () => {
    await expect(first.store.insert({ ...KETTLE, stock: -1 }, withKey('k'))).rejects.toMatchObject({
      constraint: 'products_stock_check',
    });
    expect([await products(), await keys()]).toEqual([[], []]);
  });
});

describe('a change of stock', () => {
  it('is made once for a key', async () => {
    const id = await create();
    expect(await first.store.adjustStock(id, -2, MAX_STOCK, withKey('k'))).toMatchObject({ stock: 3 });
    expect(await first.store.adjustStock(id, -2, MAX_STOCK, withKey('k'))).toBeUndefined();
    expect(await products()).toEqual([{ stock: 3, version: 2 }]);
    expect((await first.store.byKey(userId, 'k'))?.product).toMatchObject({ id, stock: 3 });
    await first.store.adjustStock(id, 10, MAX_STOCK, undefined);
    expect((await first.store.byKey(userId, 'k'))?.product).toMatchObject({ id, stock: 13, version: 3 });
  });

  it('is made once when two come with a key at once, and the second is undone', async () => {
    const id = await create();
    const late = await whileFirstHolds(
      () => first.store.adjustStock(id, -2, MAX_STOCK, withKey('k')),
      () => second.store.adjustStock(id, -2, MAX_STOCK, withKey('k')),
    );
    expect(late).toBeUndefined();
    expect(await products()).toEqual([{ stock: 3, version: 2 }]);
  });

  it('of two products with one key is made to one of them', async () => {
    const [one, other] = [await create(), await create()];
    const late = await whileFirstHolds(
      () => first.store.adjustStock(one, 1, MAX_STOCK, withKey('k')),
      () => second.store.adjustStock(other, 1, MAX_STOCK, withKey('k')),
    );
    expect(late).toBeUndefined();
    expect(await products()).toEqual([
      { stock: 6, version: 2 },
      { stock: 5, version: 1 },
    ]);
  });

  it('that is refused leaves its key unused, so that it can be made later', async () => {
    const id = await create(1);
    expect(await first.store.adjustStock(id, -2, MAX_STOCK, withKey('k'))).toBeUndefined();
    expect(await first.store.adjustStock(id, 1_000, MAX_STOCK, withKey('k'))).toBeUndefined();
    expect(await first.store.adjustStock(2_147_483_647, 1, MAX_STOCK, withKey('k'))).toBeUndefined();
    expect(await keys()).toEqual([]);
    await first.store.adjustStock(id, 1, MAX_STOCK, undefined);
    expect(await first.store.adjustStock(id, -2, MAX_STOCK, withKey('k'))).toMatchObject({ stock: 0 });
  });
});

describe('the sweep of keys', () => {
  const use = async (key: string, daysAgo: number): Promise<void> => {
    await first.store.insert(KETTLE, withKey(key));
    await admin.query(
      `UPDATE products.idempotency_keys SET created_at = now() - $2 * interval '1 day' WHERE key = $1`,
      [key, daysAgo],
    );
  };

  it('deletes the old ones, oldest first, no more than the given number, and no product', async () => {
    await use('a', 91);
    await use('b', 200);
    await use('c', 89);
    await use('d', 90.5);
    expect(await sweepKeys(first.pool, 2, 90)).toBe(2);
    expect(await keys()).toEqual([{ key: 'c' }, { key: 'd' }]);
    expect(await sweepKeys(first.pool, 2, 90)).toBe(1);
    expect(await sweepKeys(first.pool, 2, 90)).toBe(0);
    expect(await keys()).toEqual([{ key: 'c' }]);
    expect(await products()).toHaveLength(4);
  });

  it('shares the keys with a sweep of another instance at the same time', async () => {
    for (let count = 0; count < 20; count += 1) await use(String(count), 100);
    let swept = 0;
    while ((await keys()).length > 0)
      for (const count of await Promise.all([sweepKeys(first.pool, 3, 90), sweepKeys(second.pool, 3, 90)]))
        swept += count;
    expect(swept).toBe(20);
  });
});

describe('the price that an update replaces', () => {
  const price = (amount: string) => ({ price: amount });

  it('comes with the update, also when a sale is committed while it waits', async () => {
    const id = await create();
    const updated = await whileFirstHolds(
      () => first.store.adjustStock(id, -1, MAX_STOCK, undefined),
      () => second.store.update(id, 1, false, price('12.00')),
    );
    expect(updated).toMatchObject({
      priceBefore: '10.00',
      product: { price: '12.00', stock: 4, version: 3, contentVersion: 3 },
    });
    expect(updated?.product).not.toHaveProperty('priceBefore');
  });

  it('is never one that another update has replaced meanwhile: that one is a conflict', async () => {
    const id = await create();
    const updated = await whileFirstHolds(
      () => first.store.update(id, 1, false, price('11.00')),
      () => second.store.update(id, 1, false, price('12.00')),
    );
    expect(updated).toBeUndefined();
    expect(await first.store.stored([id])).toMatchObject([{ price: '11.00', version: 2 }]);
  });

  it('is the price that the update before it has set, in a race of editors with sales between', async () => {
    const id = await create(1_000_000);
    const connections = Array.from({ length: 6 }, connection);
    const changes: { version: number; from: string; to: string }[] = [];
    const edit = async ({ store }: Connection, editor: number) => {
      for (let round = 0; round < 20; round += 1) {
        const [current] = await store.stored([id]);
        if (editor < 2) await store.adjustStock(id, -1, MAX_STOCK, undefined);
        const updated = await store.update(
          id,
          current?.version ?? 0,
          false,
          price(`${editor}.${10 + round}`),
        );
        if (updated)
          changes.push({
            version: updated.product.version,
            from: updated.priceBefore,
            to: updated.product.price,
          });
      }
    };
    try {
      await Promise.all(connections.map(edit));
    } finally {
      await Promise.all(connections.map(({ pool }) => pool.end()));
    }
    expect(changes.length).toBeGreaterThan(20);
    const inOrder = changes.toSorted((one, other) => one.version - other.version);
    expect(inOrder.map(({ from }) => from)).toEqual(['10.00', ...inOrder.slice(0, -1).map(({ to }) => to)]);
  });
});
