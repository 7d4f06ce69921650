// Puts a seeded shop into a database that may be in use: new rows only, each batch in one transaction. Nothing that is there is
// changed, so the services go on meanwhile and every invariant holds after each batch.
import { hash } from '@node-rs/argon2';
import type pg from 'pg';
import { type BatchInput, makeBatch } from './batch.ts';
import { usernameOf } from './people.ts';
import type { ShopPlan, ShopSize } from './plan.ts';
import { ARGON2 } from './seed.ts';
import { copyRows } from './tables.ts';

/** Every account of a seeded shop can log in with it. */
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

/** The batches, by their numbers, that the database does not have. */
export async function findMissingBatches(client: pg.Client, plan: ShopPlan): Promise<number[]> {
  // Account number n is the first of batch n.
  const names = Array.from({ length: plan.batches }, (_, batch) => usernameOf(plan, batch));
  const { rows } = await client.query<{ username: string }>(
    'SELECT username FROM users.users WHERE lower(username) = ANY($1)',
    [names],
  );
  const there = new Set(rows.map(({ username }) => username));
  return names.flatMap((name, batch) => (there.has(name) ? [] : [batch]));
}

/**
 * Writes the batches. `onBatch` is told after each how many rows it had. Throws with one line
 * when there is no account of staff, whom the histories of orders name.
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

/** So that statements are planned for what is there now, and not when the server comes to it. */
export async function vacuumShop(client: pg.Client): Promise<void> {
  await client.query(`VACUUM (ANALYZE) ${TABLES.join(', ')}`);
}

async function staffOf(client: pg.Client): Promise<number[]> {
  const { rows } = await client.query<{ id: number }>(
    `SELECT id FROM users.users WHERE role = 'STAFF' AND disabled_at IS NULL ORDER BY id LIMIT 100`,
  );
  if (rows.length === 0)
    throw new Error(
      'there is no staff account, and the histories of orders name who shipped them; make one with npm run users:promote',
    );
  return rows.map(({ id }) => id);
}

/**
 * Takes ids for `count` batches, the first id of each kind; no other caller gets one of them. All batches share a range, so that
 * ids follow the times of a shop of many batches.
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
      // ALTER SEQUENCE keeps other callers waiting until the end of the transaction; this one changes nothing.
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
    // A connection that is gone has ended its transaction; the first error says more.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
