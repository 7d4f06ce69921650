// The metrics of requests, logins, orders, the queue and connections, and the SQL statements that a request costs.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually, uniqueName } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { inspect } from '../support/invariants.ts';
import { measureGrowth, scrape, sumOf } from '../support/metrics.ts';
import { account, at, client, listTasks, redis, staff, system, TASKS_OF_PRODUCTS } from './watched-shop.ts';

const asUser = (query: string) => client.graphql(query, {}, account.token);

describe('http_request_duration_seconds', () => {
  const count = 'http_request_duration_seconds_count';

  it('counts by route, method and status', async () => {
    const { id } = await client.product(staff.token);
    const grown = await measureGrowth(at('gateway'), async () => {
      await client.rest('GET', `/products/${id}`);
      await client.rest('GET', `/products/${UNKNOWN_ID}`);
      await asUser('{ me { id } }');
    });
    expect(grown(count, { route: '/products/{id}', method: 'GET', status: '200' })).toBe(1);
    expect(grown(count, { route: '/products/{id}', method: 'GET', status: '404' })).toBe(1);
    expect(grown(count, { route: '/graphql', method: 'POST', status: '200' })).toBe(1);
    expect(grown(count)).toBe(3);
    expect(grown('http_request_duration_seconds_sum')).toBeGreaterThan(0);
  });

  it('counts the replies of a subgraph, and those of unknown paths as other', async () => {
    const grown = await measureGrowth(at('users'), async () => {
      await fetch(new URL('/.well-known/jwks.json', system.subgraphUrl('users')));
      await fetch(new URL('/absent', system.subgraphUrl('users')));
    });
    expect(grown(count, { route: '/.well-known/jwks.json', method: 'GET', status: '200' })).toBe(1);
    expect(grown(count, { route: 'other', method: 'GET', status: '404' })).toBe(1);
  });

  it('leaves the ops port out', async () => {
    // The metrics of products, because no other service calls products periodically.
    const grown = await measureGrowth(at('products'), () => fetch(system.opsUrl('products', '/readyz')));
    expect(grown(count)).toBe(0);
  });
});

describe('graphql_operation_duration_seconds', () => {
  const count = 'graphql_operation_duration_seconds_count';

  it('counts by the names that the gateway knows, by type and outcome', async () => {
    const grown = await measureGrowth(at('gateway'), async () => {
      await client.rest('GET', '/profile', { token: account.token });
      await client.graphql('query OfACaller { __typename }');
      await client.graphql('{ order(id: "x") { id } }');
      await client.graphql('{ unknown }');
      await client.graphql('mutation { logout(refreshToken: "x") }');
    });
    expect(grown(count, { operation: 'Profile', type: 'query', outcome: 'ok' })).toBe(1);
    expect(grown(count, { operation: 'other', type: 'query', outcome: 'ok' })).toBe(1);
    expect(grown(count, { operation: 'other', outcome: 'refused' })).toBe(2);
    expect(grown(count, { operation: 'other', type: 'mutation', outcome: 'ok' })).toBe(1);
    expect(grown(count)).toBe(5);
  });
});

describe('graphql_query_plan_cache_total', () => {
  it('counts a miss the first time and a hit the second', async () => {
    const query = `{ me { id ${uniqueName('alias').replaceAll('-', '_')}: username } }`;
    const first = await measureGrowth(at('gateway'), () => asUser(query));
    expect(first('graphql_query_plan_cache_total', { result: 'miss' })).toBe(1);
    expect(first('graphql_query_plan_cache_total')).toBe(1);
    const second = await measureGrowth(at('gateway'), () => asUser(query));
    expect(second('graphql_query_plan_cache_total', { result: 'hit' })).toBe(1);
    expect(second('graphql_query_plan_cache_total')).toBe(1);
  });
});

describe('graphql_root_field_duration_seconds', () => {
  const count = 'graphql_root_field_duration_seconds_count';

  it('counts by field and outcome where they are resolved', async () => {
    const { id } = await client.product(staff.token);
    const adjust = 'mutation { adjustStock(id: "x", delta: 1) { __typename } }';
    const grown = await measureGrowth(at('products'), async () => {
      await client.rest('GET', `/products/${id}`);
      await client.graphql(adjust);
      await client.graphql(adjust, {}, staff.token);
    });
    expect(grown(count, { field: 'product', outcome: 'ok' })).toBe(1);
    expect(grown(count, { field: 'adjustStock', outcome: 'refused' })).toBe(1);
    expect(grown(count, { field: 'adjustStock', outcome: 'problem' })).toBe(1);
    expect(grown(count)).toBe(3);
  });

  it('counts the entities that the gateway reads for other subgraphs', async () => {
    const { id } = await client.product(staff.token);
    await client.rest('POST', '/orders', { token: account.token, body: { product_id: id, quantity: 1 } });
    const grown = await measureGrowth(at('products'), () =>
      asUser('{ orders(first: 1) { edges { node { product { name } } } } }'),
    );
    expect(grown(count, { field: '_entities', outcome: 'ok' })).toBe(1);
    expect(grown(count)).toBe(1);
  });
});

describe('subgraph_request_duration_seconds', () => {
  const count = 'subgraph_request_duration_seconds_count';

  it('counts answers, with errors and without', async () => {
    const grown = await measureGrowth(at('gateway'), async () => {
      await asUser('{ me { id } }');
      await client.graphql('{ order(id: "x") { id } }');
    });
    expect(grown(count, { subgraph: 'users', outcome: 'ok' })).toBe(1);
    expect(grown(count, { subgraph: 'orders', outcome: 'graphql_error' })).toBe(1);
    expect(grown(count)).toBe(2);
  });

  it('counts a subgraph that hangs', async () => {
    const pid = system.pid('products');
    if (pid === undefined) throw new Error('products does not run');
    process.kill(pid, 'SIGSTOP');
    try {
      const hangs = await measureGrowth(at('gateway'), () =>
        client.graphql('{ products { edges { cursor } } }'),
      );
      expect(hangs(count, { subgraph: 'products', outcome: 'timeout' })).toBe(1);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });
});

describe('the metrics of accounts', () => {
  const logIn = (password: string, username = account.username) =>
    client.rest('POST', '/login', { body: { username, password } });

  it('count logins that succeed, that fail, and that are refused because too many wait', async () => {
    const grown = await measureGrowth(at('users'), async () => {
      expect((await logIn(account.password)).status).toBe(200);
      expect((await logIn('not the password')).status).toBe(401);
    });
    expect(grown('logins_total', { outcome: 'ok' })).toBe(1);
    expect(grown('logins_total', { outcome: 'bad_credentials' })).toBe(1);
    expect(grown('logins_total')).toBe(2);
    const crowd = await measureGrowth(at('users'), () =>
      Promise.all(Array.from({ length: 10 }, () => logIn('not the password'))),
    );
    expect(crowd('logins_total', { outcome: 'refused' })).toBeGreaterThan(0);
    expect(crowd('argon2_refused_total')).toBe(crowd('logins_total', { outcome: 'refused' }));
    expect(crowd('logins_total')).toBe(10);
  });

  it('show how many passwords are being hashed and how many wait', async () => {
    let over = false;
    const keepTrying = async () => {
      // Another name each time, because an account has only twenty tries at once.
      while (!over) await logIn('not the password', uniqueName('unknown'));
    };
    const callers = Promise.all(Array.from({ length: 4 }, keepTrying));
    try {
      await eventually(
        () => scrape(at('users')),
        (metrics) => metrics.get('argon2_running') === 1 && metrics.get('argon2_waiting') === 1,
      );
    } finally {
      over = true;
      await callers;
    }
    expect(sumOf(await scrape(at('users')), 'argon2_running')).toBe(0);
  });

  it('show the age and the number of the signing keys', async () => {
    const seen = await scrape(at('users'));
    expect(seen.get('signing_keys')).toBe(1);
    expect(seen.get('signing_key_age_seconds')).toBeGreaterThan(0);
    expect(seen.get('signing_key_age_seconds')).toBeLessThan(600);
  });

  it('count a change of password that came too late', async () => {
    const { id, token, password } = await client.account();
    const change = () =>
      client.graphql(
        'mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }',
        { input: { currentPassword: password, newPassword: `better horse ${crypto.randomUUID()}` } },
        token,
      );
    const waiting = () =>
      inspect(system.adminUrl, async (database) => {
        const { rowCount } = await database.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return rowCount;
      });
    const grown = await measureGrowth(at('users'), () =>
      inspect(system.adminUrl, async (database) => {
        // Both changes have verified the password before one of them can write.
        await database.query('BEGIN');
        await database.query('SELECT FROM users.users WHERE id = $1 FOR UPDATE', [id]);
        const changes = Promise.all([change(), change()]);
        await eventually(waiting, (sessions) => sessions === 2);
        await database.query('COMMIT');
        await changes;
      }),
    );
    expect(grown('compare_and_swap_conflicts_total', { entity: 'user' })).toBe(1);
  });
});

describe('the shop', () => {
  let admin: pg.Client;

  beforeAll(async () => {
    admin = new pg.Client({ connectionString: system.adminUrl });
    await admin.connect();
  });
  afterAll(() => admin?.end());

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
      const { id } = await client.product(staff.token, { stock: 5 });
      const reserved = await measureGrowth(
        at('products'),
        async () => {
          const placed = await measureGrowth(
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

      const refused = await measureGrowth(at('products'), async () => {
        const rejected = await measureGrowth(
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
      const { id } = await client.product(staff.token);
      const key = { 'idempotency-key': crypto.randomUUID() };
      await order(id, 1, key);
      const replayed = await measureGrowth(at('orders'), () => order(id, 1, key));
      expect(replayed('idempotent_replays_total')).toBe(1);
      expect(replayed('order_transitions_total', { status: 'PENDING' })).toBe(0);
      const misused = await measureGrowth(at('orders'), async () =>
        expect((await order(id, 2, key)).status).toBe(422),
      );
      expect(misused('idempotent_replays_total')).toBe(0);
    });

    it('is counted as cancelled, or as a conflict when another request was first', async () => {
      const { id } = await client.product(staff.token);
      const placed = await order(id, 1);
      const cancel = () =>
        client.graphql(
          'mutation ($id: ID!) { cancelOrder(id: $id, expectedVersion: 2) { __typename } }',
          { id: placed.body.id },
          account.token,
        );
      const released = await measureGrowth(
        at('products'),
        async () => {
          const cancelled = await measureGrowth(at('orders'), () => Promise.all([cancel(), cancel()]));
          expect(cancelled('order_transitions_total', { status: 'CANCELLED' })).toBe(1);
          expect(cancelled('compare_and_swap_conflicts_total', { entity: 'order' })).toBe(1);
        },
        (grown) => grown('queue_job_duration_seconds_count', { task: 'release-stock', outcome: 'ok' }) === 1,
      );
      expect(released('reservations_total', { outcome: 'released' })).toBe(1);
    });

    it('of a product that was deleted in the meantime is counted as product_not_found', async () => {
      const { id } = await client.product(staff.token);
      const grown = await measureGrowth(
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
      const { id } = await client.product(staff.token);
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
      const { id } = await client.product(staff.token);
      const edit = () =>
        client.rest('PATCH', `/products/${id}`, {
          token: staff.token,
          headers: { 'if-match': '"1"' },
          body: { name: 'Renamed' },
        });
      const grown = await measureGrowth(at('products'), () => Promise.all([edit(), edit(), edit()]));
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
      const grown = await measureGrowth(
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
      const grown = await measureGrowth(
        at('orders'),
        () => settle(payload, 1_000),
        (so) => so('queue_dead_jobs') === 1,
      );
      expect(grown('queue_dead_jobs', { task: 'settle-order' })).toBe(1);
      await admin.query('DELETE FROM graphile_worker._private_jobs');
    });

    it('is in the metrics of the services that work on a task', async () => {
      expect(await listTasks('products')).toEqual(TASKS_OF_PRODUCTS);
      expect(await listTasks('orders')).toEqual(['settle-order']);
      expect(await listTasks('users')).toEqual(['send-mail', 'start-password-reset']);
      expect(await listTasks('gateway')).toEqual([]);
    });
  });

  describe('connections', () => {
    it('are counted as busy and idle, with the waiting requests and their waiting time', async () => {
      const pool = 'products-writes';
      const { id } = await client.product(staff.token);
      const grown = await measureGrowth(at('products'), async () => {
        const edits: Promise<unknown>[] = [];
        await holding(`SELECT FROM products.products WHERE id = '${id}' FOR UPDATE`, async () => {
          const adjust = `mutation { adjustStock(id: "${id}", delta: 1) { __typename } }`;
          for (let count = 0; count < 13; count += 1) edits.push(client.graphql(adjust, {}, staff.token));
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

    it('that hang delay a scrape only a little, and it then lacks the gauges from tables', async () => {
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
});

describe('SQL statements', () => {
  const SERVICES = ['users', 'products', 'orders'] as const;
  type Counts = Record<(typeof SERVICES)[number], number>;

  async function countOf(service: (typeof SERVICES)[number]): Promise<number> {
    const text = await (await fetch(system.opsUrl(service, '/metrics'))).text();
    const value = /^sql_statements_total (\d+)$/m.exec(text)?.[1];
    if (value === undefined) throw new Error(`${service} exports no sql_statements_total`);
    return Number(value);
  }

  async function counts(): Promise<Counts> {
    const [users = 0, products = 0, orders = 0] = await Promise.all(SERVICES.map(countOf));
    return { users, products, orders };
  }

  /** The statements that `request` made, by service. */
  async function costOf(request: () => Promise<unknown>): Promise<Counts> {
    const before = await counts();
    await request();
    const after = await counts();
    return {
      users: after.users - before.users,
      products: after.products - before.products,
      orders: after.orders - before.orders,
    };
  }

  /** The statements that `request` makes when the cache is empty, and when it has what the first request read. */
  async function costsOf(
    request: (number: 1 | 2) => Promise<unknown>,
  ): Promise<{ cold: Counts; warm: Counts }> {
    await redis.command('FLUSHALL');
    return { cold: await costOf(() => request(1)), warm: await costOf(() => request(2)) };
  }

  beforeAll(async () => {
    for (let index = 0; index < 6; index += 1) {
      const { id } = await client.product(staff.token, { name: `Thing ${index}` });
      const body = { product_id: id, quantity: 1 };
      const order = await client.rest('POST', '/orders', { token: account.token, body });
      expect(order.status).toBe(201);
    }
  });

  it('do not grow with the number of orders, their products and their users', async () => {
    const query = `query($first: Int!) { me { orders(first: $first) {
      edges { node { product { name } user { username } } } } } }`;
    const ask = async (first: number) => {
      const { data, errors } = await client.graphql(query, { first }, account.token);
      expect(errors).toEqual([]);
      expect(data.me.orders.edges).toHaveLength(first);
      expect(data.me.orders.edges[0].node.product.name).toMatch(/^Thing/);
    };
    const few = await costsOf(() => ask(2));
    const many = await costsOf(() => ask(6));
    expect(many).toEqual(few);
    // me, and the orders' users; the orders; their products, which the cache has afterwards.
    expect(many).toEqual({
      cold: { users: 2, products: 1, orders: 1 },
      warm: { users: 2, products: 0, orders: 1 },
    });
  });

  it('do not grow with the number of orders that staff look at', async () => {
    const query = `query($first: Int!) { allOrders(first: $first, status: CONFIRMED) {
      edges { node { product { name } user { username } history { at } } } } }`;
    const ask = async (first: number) => {
      const { data, errors } = await client.graphql(query, { first }, staff.token);
      expect(errors).toEqual([]);
      expect(data.allOrders.edges).toHaveLength(first);
      expect(data.allOrders.edges.at(-1).node).toMatchObject({ user: { username: account.username } });
    };
    const few = await costsOf(() => ask(2));
    const many = await costsOf(() => ask(6));
    expect(many).toEqual(few);
    expect(many).toEqual({
      cold: { users: 1, products: 1, orders: 2 },
      warm: { users: 1, products: 0, orders: 2 },
    });
  });

  const create = async () => client.rest('POST', '/products', { token: staff.token, body: PRODUCT });
  const PRODUCT = { name: 'New', price: 1, stock: 10 };
  const edit = async (id: string, version: number) => {
    const headers = { 'if-match': `"${version}"` };
    const body = { name: uniqueName('name') };
    return client.rest('PATCH', `/products/${id}`, { token: staff.token, headers, body });
  };
  const order = async (id: string) =>
    client.rest('POST', '/orders', { token: account.token, body: { product_id: id, quantity: 1 } });

  it.each([
    ['a product', (id: string) => client.rest('GET', `/products/${id}`), { products: 1 }, { products: 0 }],
    ['a page of products', () => client.rest('GET', '/products?limit=20'), { products: 1 }, { products: 0 }],
    ['a page of orders', () => client.rest('GET', '/orders', { token: account.token }), { orders: 1 }],
    ['an edit', edit, { products: 1 }],
    ['an order with a key', order, { products: 1, orders: 3 }],
    // The id, for which the cache is fenced, and the product.
    ['a new product with a key', create, { products: 2 }],
  ])('are few for %s', async (_, request, cold: Partial<Counts>, warm: Partial<Counts> = cold) => {
    const { id } = (await create()).body;
    const none = { users: 0, products: 0, orders: 0 };
    const costs = await costsOf(async (number) =>
      expect((await request(id, number)).status).toBeLessThan(300),
    );
    expect(costs).toEqual({ cold: { ...none, ...cold }, warm: { ...none, ...warm } });
  });

  it('are needed again for a page after a write', async () => {
    const read = () => client.rest('GET', '/products?limit=20&sort=oldest');
    await read();
    await create();
    expect(await costOf(read)).toMatchObject({ products: 1 });
  });
});
