// A real Prometheus watches the shop, with the rules of the repository. The last test needs no Prometheus: it scrapes the services
// while they have no database.
import { PROCESSES } from '@holdfast/local/settings/services';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { measureGrowth, scrape, sumOf } from '../support/metrics.ts';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { rulesOf } from '../support/rules.ts';
import { at, client, listTasks, staff, system, TASKS_OF_PRODUCTS } from './watched-shop.ts';

describe('a real Prometheus', () => {
  let prometheus: Prometheus;

  beforeAll(async () => {
    prometheus = await startPrometheus(
      Object.fromEntries(PROCESSES.map((service) => [service, new URL(system.opsUrl(service, '/')).host])),
    );
  });
  afterAll(() => prometheus?.stop());

  const jobsWith = async (expression: string): Promise<string[]> =>
    (await prometheus.query(expression)).map(({ metric }) => metric['job'] ?? '').sort();

  it('finds all four services up', async () => {
    const up = await eventually(
      () => jobsWith('up == 1'),
      (jobs) => jobs.length === PROCESSES.length,
    );
    expect(up).toEqual([...PROCESSES].sort());
  });

  it('computes a value for every recording rule', async () => {
    const records = rulesOf('services').flatMap(({ record = [] }) => record);
    expect(records.length).toBeGreaterThan(0);
    const silent = await eventually(
      async () => {
        await client.rest('GET', '/products');
        const values = await Promise.all(records.map((name) => prometheus.query(name)));
        return records.filter((_, index) => !Number.isFinite(values[index]?.[0]?.value));
      },
      (names) => names.length === 0,
      30_000,
    );
    expect(silent).toEqual([]);
  });

  it('fires no alert while all is well', async () => {
    // On a busy machine the first scrape of a service can come later than a test's alert fires (ServiceMissing, after one second).
    const firing = await eventually(
      () => prometheus.query('ALERTS{alertstate="firing"}'),
      (alerts) => alerts.length === 0,
    );
    expect(firing).toEqual([]);
  });

  const firing = () => prometheus.query('ALERTS{alertname="InstanceDown",alertstate="firing"}');

  describe('while products is down', () => {
    beforeAll(() => system.kill('products'));

    it('the gateway counts its calls as unavailable', async () => {
      const grown = await measureGrowth(at('gateway'), () =>
        client.graphql('{ products { edges { cursor } } }'),
      );
      const ofProducts = { subgraph: 'products', outcome: 'unavailable' };
      expect(grown('subgraph_request_duration_seconds_count', ofProducts)).toBe(1);
      expect(grown('graphql_operation_duration_seconds_count', { outcome: 'error' })).toBe(1);
    });

    it('a mutation has the results of the other services', async () => {
      const { data, errors } = await client.graphql(
        `mutation { logout(refreshToken: "none")
          createProduct(input: { name: "Lamp", price: 1, stock: 1 }) { __typename }
          changeRole(userId: "x", expectedVersion: 1, role: STAFF) { __typename } }`,
        {},
        staff.token,
      );
      expect(data).toEqual({
        logout: true,
        createProduct: null,
        changeRole: { __typename: 'UserNotFound' },
      });
      expect(errors).toMatchObject([
        { path: ['createProduct'], extensions: { code: 'SERVICE_UNAVAILABLE' } },
      ]);
    });

    it('fires InstanceDown', async () => {
      const fired = await eventually(firing, (alerts) => alerts.length > 0, 30_000);
      expect(fired.map(({ metric }) => [metric['job'], metric['severity']])).toEqual([['products', 'page']]);
    });
  });

  describe('the next process of products, with CACHE=off', () => {
    beforeAll(async () => {
      const portOf = (url: string) => Number(new URL(url).port);
      const ports = { http: portOf(system.urls.products), ops: portOf(system.opsUrls.products) };
      await system.another('products', { CACHE: 'off' }, { ports });
    });

    it('ends the alert', async () => {
      await eventually(firing, (alerts) => alerts.length === 0, 30_000);
    });

    it('shows the same tasks of the queue', async () => {
      expect(await listTasks('products')).toEqual(TASKS_OF_PRODUCTS);
    });

    it('reads a product again for each request', async () => {
      const { id } = await client.product(staff.token);
      const read = async () => expect((await client.rest('GET', `/products/${id}`)).status).toBe(200);
      const grown = await measureGrowth(at('products'), async () => {
        await read();
        await read();
      });
      expect(grown('sql_statements_total')).toBe(2);
    });
  });
});

it('without a database a scrape answers at once, without the values from tables', async () => {
  const database = new URL(system.adminUrl).pathname.slice(1);
  const server = Object.assign(new URL(system.adminUrl), { pathname: '/postgres' }).href;
  const allowConnections = (isAllowed: boolean) =>
    inspect(server, async (admin) => {
      await admin.query(`ALTER DATABASE "${database}" ALLOW_CONNECTIONS ${isAllowed}`);
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [
        database,
      ]);
    });
  await allowConnections(false);
  try {
    for (const name of ['orders', 'products', 'users'] as const) {
      const startedAt = performance.now();
      const metrics = await eventually(
        () => scrape(at(name)),
        (seen) => ![...seen.keys()].some((key) => key.startsWith('queue_jobs{')),
      );
      expect(performance.now() - startedAt).toBeLessThan(4_000);
      expect(metrics.has('orders_pending')).toBe(false);
      expect(sumOf(metrics, 'http_request_duration_seconds_count')).toBeGreaterThan(0);
    }
  } finally {
    await allowConnections(true);
  }
  await eventually(
    () => scrape(at('orders')),
    (metrics) => metrics.has('orders_pending') && metrics.has('queue_jobs{task="settle-order"}'),
  );
});
