// A worker is killed in the middle of a batch: PostgreSQL has its statement, and may finish it or not. Each order of the batch is
// settled once all the same.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Account, Client, eventually } from '../support/client.ts';
import { expectInvariants } from '../support/invariants.ts';
import { type System, startSystem } from '../support/system.ts';

const ORDERS = 30;
/** Fewer than are ordered, so that some are refused. */
const UNITS = 40;

let system: System;
let client: Client;
let account: Account;
let admin: pg.Client;
let holder: pg.Client;

beforeAll(async () => {
  system = await startSystem({ env: { QUEUE_LEASE_MS: '1500' } });
  client = await Client.of(system.url);
  account = await client.account();
  admin = new pg.Client({ connectionString: system.adminUrl });
  holder = new pg.Client({ connectionString: system.adminUrl });
  await Promise.all([admin.connect(), holder.connect()]);
});
afterAll(async () => {
  await Promise.all([admin?.end(), holder?.end()]);
  await system?.stop();
});

async function place(productId: string): Promise<string[]> {
  const replies = await Promise.all(
    Array.from({ length: ORDERS }, (_, index) =>
      client.rest('POST', '/orders', {
        token: account.token,
        body: { product_id: productId, quantity: 1 + (index % 3) },
        headers: { prefer: 'respond-async' },
      }),
    ),
  );
  return replies.map(({ status, body }) => {
    expect(status).toBe(202);
    return String(body.id);
  });
}

/** The sessions of a worker whose statement waits for a lock, once there is one. */
const blocked = (worker: string) =>
  eventually(
    async () => {
      const { rows } = await admin.query(
        `SELECT pid FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = $1 AND wait_event_type = 'Lock'`,
        [worker],
      );
      return rows.map(({ pid }): number => pid);
    },
    ({ length }) => length > 0,
  );

const lock = (table: string, id: string) =>
  holder.query(`SELECT FROM ${table} WHERE id = $1 FOR NO KEY UPDATE`, [id]);

const OUTCOMES = [
  ['and PostgreSQL finishes its statement', async () => undefined],
  [
    'and its statement is undone',
    async (pids: readonly number[]) => {
      for (const pid of pids) await admin.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
    },
  ],
] as const;

describe.each(OUTCOMES)('a worker that is killed in the middle of a batch, %s', (_, end) => {
  let productId: string;

  /** Kills `service` while a batch of its worker waits for the lock of `holder`. */
  async function killInBatch(service: 'products' | 'orders'): Promise<void> {
    const pids = await blocked(`${service}-worker`);
    await system.kill(service);
    await end(pids);
    await holder.query('ROLLBACK');
    await system.restart(service);
  }

  async function expectAllSettled(): Promise<void> {
    const orders = await expectInvariants(system.adminUrl, new Map([[productId, UNITS]]));
    expect(orders).toHaveLength(ORDERS);
    const statuses = new Set(orders.map(({ status }) => status));
    expect(statuses).toEqual(new Set(['CONFIRMED', 'REJECTED']));
  }

  it('loses and doubles none while it reserves', async () => {
    productId = (await client.product(account.token, { stock: UNITS })).id;
    await holder.query('BEGIN');
    await lock('products.products', productId);
    await place(productId);
    await killInBatch('products');
    await expectAllSettled();
  }, 60_000);

  it('loses and doubles none while it settles', async () => {
    productId = (await client.product(account.token, { stock: UNITS })).id;
    const stock = new pg.Client({ connectionString: system.adminUrl });
    await stock.connect();
    await stock.query('BEGIN');
    await stock.query('SELECT FROM products.products WHERE id = $1 FOR NO KEY UPDATE', [productId]);
    const [first = ''] = await place(productId);
    await holder.query('BEGIN');
    await lock('orders.orders', first);
    await stock.end();
    await killInBatch('orders');
    await expectAllSettled();
  }, 60_000);
});
