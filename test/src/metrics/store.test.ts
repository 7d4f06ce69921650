// What the store's work leaves in the metrics: orders, stock, conflicts, the queue, the connections.
import type { ProcessName } from '@holdfast/local/stack/services';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Account, Client, eventually } from '../support/client.ts';
import { growth, scrape, sumOf } from '../support/metrics.ts';
import { type System, startSystem } from '../support/system.ts';

let system: System;
let client: Client;
let account: Account;
let admin: pg.Client;

beforeAll(async () => {
  system = await startSystem();
  client = await Client.of(system.url);
  account = await client.account();
  admin = new pg.Client({ connectionString: system.adminUrl });
  await admin.connect();
}, 60_000);
afterAll(async () => {
  await admin?.end();
  await system?.stop();
});

const at = (name: ProcessName) => system.opsUrl(name, '/metrics');

const order = (productId: string, quantity: number, headers: Record<string, string> = {}) =>
  client.rest('POST', '/orders', {
    token: account.token,
    body: { product_id: productId, quantity },
    headers,
  });

/** Runs `work` while `lock` is held in a transaction. */
async function holding(lock: string, work: () => Promise<void>): Promise<void> {
  await admin.query('BEGIN');
  try {
    await admin.query(lock);
    await work();
  } finally {
    await admin.query('ROLLBACK');
  }
}

describe('an order', () => {
  it('is counted as placed, then confirmed or rejected, with how long that took', async () => {
    const { id } = await client.product(account.token, { stock: 5 });
    const reserved = await growth(
      at('products'),
      async () => {
        const placed = await growth(
          at('orders'),
          async () => expect((await order(id, 2)).status).toBe(201),
          (grown) => grown('queue_job_duration_seconds_count', { outcome: 'ok' }) === 1,
        );
        expect(placed('order_transitions_total', { status: 'PENDING' })).toBe(1);
        expect(placed('order_transitions_total', { status: 'CONFIRMED' })).toBe(1);
        expect(placed('order_transitions_total')).toBe(2);
        expect(placed('order_settlement_seconds_count')).toBe(1);
        expect(placed('order_settlement_seconds_sum')).toBeGreaterThan(0);
      },
      (grown) => grown('queue_job_duration_seconds_count', { task: 'reserve-stock', outcome: 'ok' }) === 1,
    );
    expect(reserved('reservations_total', { outcome: 'reserved' })).toBe(1);
    expect(reserved('reservations_total')).toBe(1);

    const refused = await growth(at('products'), async () => {
      const rejected = await growth(
        at('orders'),
        async () => expect((await order(id, 9)).status).toBe(409),
        (grown) => grown('order_transitions_total', { status: 'REJECTED' }) === 1,
      );
      expect(rejected('order_transitions_total')).toBe(2);
    });
    expect(refused('reservations_total', { outcome: 'out_of_stock' })).toBe(1);
    expect(refused('reservations_total')).toBe(1);
  });

  it('is counted as a replay when its key has placed it before, and not when the key is misused', async () => {
    const { id } = await client.product(account.token);
    const key = { 'idempotency-key': crypto.randomUUID() };
    await order(id, 1, key);
    const replayed = await growth(at('orders'), () => order(id, 1, key));
    expect(replayed('idempotent_replays_total')).toBe(1);
    expect(replayed('order_transitions_total', { status: 'PENDING' })).toBe(0);
    const misused = await growth(at('orders'), async () =>
      expect((await order(id, 2, key)).status).toBe(422),
    );
    expect(misused('idempotent_replays_total')).toBe(0);
  });

  it('is counted as cancelled, or as a conflict when somebody else was first', async () => {
    const { id } = await client.product(account.token);
    const placed = await order(id, 1);
    const cancel = () =>
      client.graphql(
        'mutation ($id: ID!) { cancelOrder(id: $id, expectedVersion: 2) { __typename } }',
        { id: placed.body.id },
        account.token,
      );
    const released = await growth(
      at('products'),
      async () => {
        const cancelled = await growth(at('orders'), () => Promise.all([cancel(), cancel()]));
        expect(cancelled('order_transitions_total', { status: 'CANCELLED' })).toBe(1);
        expect(cancelled('compare_and_swap_conflicts_total', { entity: 'order' })).toBe(1);
      },
      (grown) => grown('queue_job_duration_seconds_count', { task: 'release-stock', outcome: 'ok' }) === 1,
    );
    expect(released('reservations_total', { outcome: 'released' })).toBe(1);
  });

  it('of a product that has left the catalog meanwhile is counted as such', async () => {
    const { id } = await client.product(account.token);
    const grown = await growth(
      at('products'),
      async () => {
        await holding(`SELECT FROM products.products WHERE id = '${id}' FOR NO KEY UPDATE`, async () => {
          expect((await order(id, 1, { prefer: 'respond-async' })).status).toBe(202);
          await admin.query(`UPDATE products.products SET archived_at = now() WHERE id = '${id}'`);
          await admin.query('COMMIT');
        });
      },
      (so) => so('reservations_total') > 0,
    );
    expect(grown('reservations_total', { outcome: 'product_not_found' })).toBe(1);
  });

  it('that is pending is shown with its age, and so is its job', async () => {
    const { id } = await client.product(account.token);
    await holding(`SELECT FROM products.products WHERE id = '${id}' FOR NO KEY UPDATE`, async () => {
      expect((await order(id, 1, { prefer: 'respond-async' })).status).toBe(202);
      const orders = await scrape(at('orders'));
      expect(orders.get('orders_pending')).toBe(1);
      expect(orders.get('orders_oldest_pending_seconds')).toBeGreaterThan(0);
      const products = await scrape(at('products'));
      expect(products.get('queue_jobs{task="reserve-stock"}')).toBe(1);
      expect(products.get('queue_oldest_job_age_seconds{task="reserve-stock"}')).toBeGreaterThan(0);
      expect(products.get('queue_jobs{task="release-stock"}')).toBe(0);
    });
    const settled = await eventually(
      () => scrape(at('orders')),
      (metrics) => metrics.get('orders_pending') === 0,
    );
    expect(settled.get('orders_oldest_pending_seconds')).toBe(0);
  });
});

describe('an edit that comes too late', () => {
  it('is counted as a conflict', async () => {
    const { id } = await client.product(account.token);
    const edit = () =>
      client.rest('PATCH', `/products/${id}`, {
        token: account.token,
        headers: { 'if-match': '"1"' },
        body: { name: 'Renamed' },
      });
    const grown = await growth(at('products'), () => Promise.all([edit(), edit(), edit()]));
    expect(grown('compare_and_swap_conflicts_total', { entity: 'product' })).toBe(2);
  });
});

describe('the queue', () => {
  const settle = (payload: object, maxAttempts: number) =>
    admin.query(`SELECT graphile_worker.add_job('settle-order', $1::json, max_attempts => $2)`, [
      JSON.stringify(payload),
      maxAttempts,
    ]);

  it('counts a job that fails, that is tried again, and that is given up', async () => {
    await admin.query('REVOKE UPDATE ON orders.orders FROM orders_service');
    const grown = await growth(
      at('orders'),
      () => settle({ orderId: 1, outcome: 'CONFIRMED' }, 2),
      (so) => so('queue_dead_jobs') === 1,
    );
    await admin.query('GRANT UPDATE ON orders.orders TO orders_service');
    expect(grown('queue_job_duration_seconds_count', { task: 'settle-order', outcome: 'error' })).toBe(2);
    expect(grown('queue_job_retries_total', { task: 'settle-order' })).toBe(1);
    expect(grown('queue_dead_jobs', { task: 'settle-order' })).toBe(1);
    await admin.query('DELETE FROM graphile_worker._private_jobs');
  });

  it.each([
    ['a malformed payload', {}],
    ['an order that does not exist', { orderId: 9_007_199_254_740_991, outcome: 'CONFIRMED' }],
  ])('counts a job with %s as dead long before its attempts are used up', async (_, payload) => {
    const grown = await growth(
      at('orders'),
      () => settle(payload, 1_000),
      (so) => so('queue_dead_jobs') === 1,
    );
    expect(grown('queue_dead_jobs', { task: 'settle-order' })).toBe(1);
    await admin.query('DELETE FROM graphile_worker._private_jobs');
  });

  it('is spoken of by those who work on a task only, and alike by all of their instances', async () => {
    const tasks = async (url: string) =>
      [...(await scrape(url)).keys()].filter((series) => series.startsWith('queue_jobs{'));
    const another = await system.another('products');
    const ofProducts = ['release-stock', 'reserve-stock', 'ship-stock'].map(
      (task) => `queue_jobs{task="${task}"}`,
    );
    expect((await tasks(at('products'))).sort()).toEqual(ofProducts);
    expect((await tasks(another.opsUrl('/metrics'))).sort()).toEqual(ofProducts);
    await another.stop();
    expect(await tasks(at('orders'))).toEqual(['queue_jobs{task="settle-order"}']);
    expect(await tasks(at('users'))).toEqual([
      'queue_jobs{task="send-mail"}',
      'queue_jobs{task="start-password-reset"}',
    ]);
    expect(await tasks(at('gateway'))).toEqual([]);
  });
});

describe('connections', () => {
  it('are shown busy and idle, with who waits and for how long', async () => {
    const pool = 'products-writes';
    const { id } = await client.product(account.token);
    const grown = await growth(at('products'), async () => {
      const edits: Promise<unknown>[] = [];
      await holding(`SELECT FROM products.products WHERE id = '${id}' FOR UPDATE`, async () => {
        const adjust = `mutation { adjustStock(id: "${id}", delta: 1) { __typename } }`;
        for (let count = 0; count < 13; count += 1) edits.push(client.graphql(adjust, {}, account.token));
        const held = await eventually(
          () => scrape(at('products')),
          (metrics) => sumOf(metrics, 'database_pool_waiting', { pool }) === 8,
        );
        expect(sumOf(held, 'database_pool_connections', { pool, state: 'busy' })).toBe(5);
        expect(sumOf(held, 'database_pool_connections', { pool, state: 'idle' })).toBe(0);
      });
      await Promise.all(edits);
    });
    expect(grown('database_pool_wait_seconds_count', { pool })).toBeGreaterThanOrEqual(13);
    const after = await scrape(at('products'));
    expect(sumOf(after, 'database_pool_connections', { pool, state: 'idle' })).toBe(5);
    expect(sumOf(after, 'database_pool_connections', { pool, state: 'busy' })).toBe(0);
    expect(sumOf(after, 'database_pool_waiting')).toBe(0);
  });

  it('that hang cost a scrape little time and these gauges only', async () => {
    await holding('LOCK TABLE orders.orders IN ACCESS EXCLUSIVE MODE', async () => {
      const startedAt = performance.now();
      const seen = await scrape(at('orders'));
      expect(performance.now() - startedAt).toBeLessThan(4_000);
      expect(seen.has('orders_pending')).toBe(false);
      expect(seen.has('orders_oldest_pending_seconds')).toBe(false);
      expect(sumOf(seen, 'order_transitions_total')).toBeGreaterThan(0);
    });
    expect((await scrape(at('orders'))).has('orders_pending')).toBe(true);
  });
});
