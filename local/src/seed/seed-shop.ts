// Adds a seeded shop to a database that may be in use: only new rows, each batch in one transaction. Existing rows do not change, so
// the services can run at the same time, and every invariant holds after each batch.
import { hash } from '@node-rs/argon2';
import type pg from 'pg';
import { type BatchInput, makeBatch } from './batch.ts';
import { usernameOf } from './people.ts';
import type { ShopPlan, ShopSize } from './plan.ts';
import { ARGON2 } from './seed.ts';
import { copyRows } from './tables.ts';

/** The password of every account of a seeded shop. */
export const SEEDED_PASSWORD = 'seeded-password-2026';

const SEQUENCES: Readonly<Record<keyof ShopSize, string>> = {
  users: 'users.users_id_seq',
  products: 'products.products_id_seq',
  orders: 'orders.orders_id_seq',
};
const TABLES = [
  'users.users',
  'products.products',
  'products.reservations',
  'orders.orders',
  'orders.order_events',
  'orders.idempotency_keys',
];
const KINDS = ['users', 'products', 'orders'] as const;

/** Finds the numbers of the batches that the database does not have. */
export async function findMissingBatches(client: pg.Client, plan: ShopPlan): Promise<number[]> {
  // Account number n is the first account of batch n.
  const names = Array.from({ length: plan.batches }, (_, batch) => usernameOf(plan, batch));
  const { rows } = await client.query<{ username: string }>(
    'SELECT username FROM users.users WHERE lower(username) = ANY($1)',
    [names],
  );
  const there = new Set(rows.map(({ username }) => username));
  return names.flatMap((name, batch) => (there.has(name) ? [] : [batch]));
}

/**
 * Writes the batches. `onBatch` receives the number of rows after each batch. Throws with one line when no staff account exists,
 * because the histories of orders need one.
 * @param client an administrator's, outside a transaction
 */
export async function writeBatches(
  client: pg.Client,
  plan: ShopPlan,
  batches: readonly number[],
  onBatch: (added: number) => void,
): Promise<void> {
  const staff = await staffOf(client);
  const passwordHash = await hash(SEEDED_PASSWORD, ARGON2);
  const ids = await reserveIds(client, plan, batches.length);
  for (const [position, batch] of batches.entries()) {
    const idOf: BatchInput['idOf'] = (kind, place) => ids[kind] + position + place * batches.length;
    const { tables } = makeBatch(plan, batch, { idOf, staff, passwordHash });
    await inTransaction(client, async () => {
      for (const rows of tables) await copyRows(client, rows);
    });
    onBatch(tables.reduce((sum, { rows }) => sum + rows.length, 0));
  }
}

/** Updates PostgreSQL's statistics at once, so that it plans statements for the new number of rows. */
export async function vacuumShop(client: pg.Client): Promise<void> {
  await client.query(`VACUUM (ANALYZE) ${TABLES.join(', ')}`);
}

async function staffOf(client: pg.Client): Promise<number[]> {
  const { rows } = await client.query<{ id: number }>(
    `SELECT id FROM users.users WHERE role = 'STAFF' AND disabled_at IS NULL ORDER BY id LIMIT 100`,
  );
  if (rows.length === 0)
    throw new Error(
      'the seed needs a staff account, which the histories of orders name; make one with npm run users:promote',
    );
  return rows.map(({ id }) => id);
}

/**
 * Reserves ids for `count` batches and returns the first id of each kind. No other caller gets one of these ids. All batches share
 * one range, so that later rows have higher ids across the batches.
 */
async function reserveIds(
  client: pg.Client,
  plan: ShopPlan,
  count: number,
): Promise<Record<keyof ShopSize, number>> {
  const first = { users: 0, products: 0, orders: 0 };
  await inTransaction(client, async () => {
    for (const kind of KINDS) {
      const sequence = SEQUENCES[kind];
      const size = count * Math.ceil(plan[kind] / plan.batches);
      if (size === 0) continue;
      // ALTER SEQUENCE locks out other callers until the end of the transaction. INCREMENT 1 is the present value.
      await client.query(`ALTER SEQUENCE ${sequence} INCREMENT 1`);
      const { rows } = await client.query<{ next: string }>(
        `SELECT last_value + CASE WHEN is_called THEN 1 ELSE 0 END AS next FROM ${sequence}`,
      );
      first[kind] = Number(rows[0]?.next);
      await client.query(`ALTER SEQUENCE ${sequence} RESTART WITH ${first[kind] + size}`);
    }
  });
  return first;
}

async function inTransaction(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    // A broken connection has ended the transaction already. The first error is the useful one.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
