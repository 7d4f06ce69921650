// The monitoring of a running system: the series that exist from its start, the dashboards and rules that select them, a real
// Prometheus, and the commands of a runbook.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PROCESSES, type ProcessName } from '@holdfast/local/settings/services';
import { ROOT } from '@holdfast/local/settings/settings';
import { ORDER_STATUSES } from '@holdfast/orders/domain/order-status';
import { VERSION } from '@holdfast/platform/observability/version';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, eventually, uniqueName } from '../support/client.ts';
import { readLogsSoFar } from '../support/logs-so-far.ts';
import { scrape, scrapeText, sumOf } from '../support/metrics.ts';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { runPromtool } from '../support/promtool.ts';
import { startRedis } from '../support/redis.ts';
import { listMissingSeries, rulesOf, selectorsOf } from '../support/rules.ts';
import { useClient } from '../support/shop.ts';
import { startSystem } from '../support/system.ts';
import { whileTestsRun } from '../support/use-system.ts';

const redis = whileTestsRun(startRedis, (server) => server.stop());
const REVISION = '0123abc';
const system = whileTestsRun(
  () =>
    startSystem({
      ownPostgres: true,
      env: {
        REVISION,
        REDIS_URL: redis.url,
        RATE_LIMITS: 'register=1000/1m,address=100000/1m,invalid=100000/1m',
      },
      environment: { gateway: { TRUSTED_PROXIES: '1' } },
    }),
  (running) => running.stop(),
);
const client = useClient(system);

const at = (name: ProcessName) => system.opsUrl(name, '/metrics');

describe('dashboards and rules', () => {
  const SERVICES = ['gateway', 'users', 'products', 'orders'] as const;
  const DASHBOARDS = join(ROOT, 'k8s/components/dashboards');
  const rules = rulesOf('services');

  interface Dashboard {
    readonly title: string;
    readonly panels: readonly {
      readonly title: string;
      readonly targets: readonly { readonly expr: string }[];
    }[];
  }

  /** The metrics that are exported or recorded by a rule. */
  let exported: Set<string>;
  let seriesAtStart: string[];

  beforeAll(async () => {
    const urls = SERVICES.map((service) => system.opsUrl(service, '/metrics'));
    seriesAtStart = (await Promise.all(urls.map(scrape))).flatMap((one) => [...one.keys()]);
    exported = new Set(['up', ...rules.flatMap(({ record = [] }) => record)]);
    for (const text of await Promise.all(urls.map(scrapeText)))
      for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
        const parts = type === 'histogram' || type === 'summary' ? ['_sum', '_count'] : [''];
        for (const part of type === 'histogram' ? [...parts, '_bucket'] : parts) exported.add(name + part);
      }
  });

  it('the parser of selectors tells metrics from functions, labels, texts and keywords', () => {
    const expression =
      'sum by (a) (rate(b_total{c="d",i=~"j|k",l!="m"}[$__rate_interval])) / max(e:f_g) and h == 80 or label_replace(n, "o", "p", "", "")';
    expect(selectorsOf(expression)).toEqual([
      { metric: 'b_total', labels: { c: ['d'], i: ['j', 'k'] } },
      { metric: 'e:f_g', labels: {} },
      { metric: 'h', labels: {} },
      { metric: 'n', labels: {} },
    ]);
  });

  it('every query of every panel selects a metric that a service exports', () => {
    const files = readdirSync(DASHBOARDS).filter((file) => file.endsWith('.json'));
    expect(files).toHaveLength(3);
    const unknown = files.flatMap((file) => {
      const { title, panels }: Dashboard = JSON.parse(readFileSync(join(DASHBOARDS, file), 'utf8'));
      return panels.flatMap((panel) =>
        panel.targets.flatMap(({ expr }) => {
          const metrics = selectorsOf(expr).map(({ metric }) => metric);
          expect(metrics).not.toEqual([]);
          return metrics
            .filter((name) => !exported.has(name))
            .map((name) => `${title}, ${panel.title}: ${name}`);
        }),
      );
    });
    expect(unknown).toEqual([]);
  });

  it('every rule selects a series that a service has before its first request, so that the first event counts', () => {
    const selectors = rules.flatMap(({ expr }) => selectorsOf(expr));
    expect(selectors.length).toBeGreaterThan(30);
    const isMade = ({ metric }: { readonly metric: string }) =>
      metric === 'up' || rules.some(({ record }) => record === metric);
    const missing = selectors
      .filter((selector) => !isMade(selector))
      .flatMap((selector) => listMissingSeries(selector, seriesAtStart));
    // The requests of a route begin with the first; their rules are ratios over five minutes.
    expect(missing.filter((name) => !name.startsWith('http_request_duration_seconds'))).toEqual([]);
  });
});

describe('from the start', () => {
  /** The gateway has about 2,800 series. A label without a bound would exceed this number. */
  const MAX_SERIES = 4_000;

  const zeros: [ProcessName, string, string, readonly string[]][] = [
    ['users', 'logins_total', 'outcome', ['ok', 'bad_credentials', 'refused', 'error']],
    ['users', 'mails_total', 'outcome', ['sent', 'outdated', 'refused']],
    ['users', 'compare_and_swap_conflicts_total', 'entity', ['user']],
    ['products', 'compare_and_swap_conflicts_total', 'entity', ['product']],
    [
      'products',
      'reservations_total',
      'outcome',
      ['reserved', 'out_of_stock', 'product_not_found', 'purchase_limit', 'released'],
    ],
    ['products', 'queue_job_retries_total', 'task', ['reserve-stock', 'release-stock', 'ship-stock']],
    ['products', 'queue_dead_jobs', 'task', ['reserve-stock', 'release-stock', 'ship-stock']],
    ['orders', 'compare_and_swap_conflicts_total', 'entity', ['order']],
    ['orders', 'order_transitions_total', 'status', ORDER_STATUSES],
    ['orders', 'queue_job_retries_total', 'task', ['settle-order']],
    ['orders', 'queue_dead_jobs', 'task', ['settle-order']],
    [
      'gateway',
      'graphql_operation_duration_seconds_count',
      'outcome',
      ['ok', 'refused', 'error', 'abandoned'],
    ],
    // The outcome ok is left out, because the gateway has read the field _service.
    [
      'orders',
      'graphql_root_field_duration_seconds_count',
      'outcome',
      ['problem', 'refused', 'error', 'abandoned'],
    ],
    ['gateway', 'graphql_query_plan_cache_total', 'result', ['hit', 'miss']],
    ['gateway', 'subgraph_request_duration_seconds_count', 'subgraph', ['users', 'products', 'orders']],
    [
      'gateway',
      'graphql_limit_refusals_total',
      'limit',
      [
        'depth',
        'aliases',
        'root_fields',
        'tokens',
        'cost',
        'selections',
        'conditions',
        'plan_time',
        'reply_bytes',
      ],
    ],
    [
      'gateway',
      'rate_limit_refusals_total',
      'limit',
      ['register', 'login', 'createOrder', 'user', 'address'],
    ],
  ];

  it.each(zeros)('%s: %s stands at 0 for each %s from the start', async (name, metric, label, values) => {
    const metrics = await scrape(at(name));
    for (const value of values) {
      const series = [...metrics].filter(
        ([key]) => key.startsWith(`${metric}{`) && key.includes(`"${value}"`),
      );
      expect([label, value, [...new Set(series.map(([, count]) => count))]]).toEqual([label, value, [0]]);
    }
  });

  it('counters and gauges without labels stand at 0 from the start', async () => {
    expect((await scrape(at('users'))).get('argon2_refused_total')).toBe(0);
    for (const name of ['users', 'products', 'orders'] as const)
      expect([name, (await scrape(at(name))).get('idempotent_replays_total')]).toEqual([name, 0]);
    const orders = await scrape(at('orders'));
    for (const name of ['orders_pending', 'orders_oldest_pending_seconds'])
      expect([name, orders.get(name)]).toEqual([name, 0]);
  });

  it.each(PROCESSES)('%s reports its build and its runtime', async (name) => {
    const metrics = await scrape(at(name));
    const labels = { service: name, revision: REVISION, node: process.version, version: VERSION };
    expect(sumOf(metrics, 'build_info', labels)).toBe(1);
    expect(metrics.get('nodejs_heap_size_used_bytes')).toBeGreaterThan(0);
    expect(metrics.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
  });

  /** One call of each kind. */
  async function oneOfEach(account: Account): Promise<void> {
    const { token } = account;
    const product = await client.product(token, { stock: 3 });
    await client.rest('GET', '/products?limit=1');
    await client.rest('GET', `/products/${product.id}`);
    await client.rest('POST', '/orders', { token, body: { product_id: product.id, quantity: 1 } });
    await client.rest('POST', '/orders', { token, body: { product_id: product.id, quantity: 5 } });
    await client.rest('GET', '/orders', { token });
    await client.rest('GET', '/profile', { token });
  }

  /** Sends requests with everything that a caller can choose: paths, names of operations, types, methods. */
  async function nonsense(number: number): Promise<void> {
    const name = uniqueName('name').replaceAll('-', '_');
    const methods = ['GET', 'POST', 'DELETE', 'PROPFIND', 'LOCK', 'M-SEARCH', 'SEARCH', 'PURGE'];
    const method = methods[number % methods.length] ?? 'GET';
    await fetch(`${system.url}/${name}`, { method });
    await fetch(`${system.url}/products/${name}`);
    await fetch(`${system.url}/problems/${name}`);
    for (const url of [`${system.url}/graphql`, system.subgraphUrl('products')])
      await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: `query ${name} { ${name}: __typename }`, operationName: name }),
      });
    await fetch(`${new URL(system.subgraphUrl('products')).origin}/${name}`, { method });
  }

  it('a thousand requests with different names add no series', async () => {
    await oneOfEach(await client.account());
    // Not all of the methods yet.
    for (let number = 0; number < 4; number += 1) await nonsense(number);
    const series = async () => {
      const all = await Promise.all(PROCESSES.map(async (name) => [...(await scrape(at(name))).keys()]));
      // The series of open handles and garbage collection vary by themselves.
      return all.map((keys) => keys.filter((key) => !/^nodejs_(active|gc)_/.test(key)));
    };
    const before = await series();
    for (let number = 0; number < 200; number += 1) await nonsense(number);
    expect(await series()).toEqual(before);
    for (const keys of before) expect(keys.length).toBeLessThan(MAX_SERIES);
  }, 60_000);

  const checkMetrics = (input: string) => runPromtool(['check', 'metrics'], { input });

  it.each(PROCESSES)('promtool reports no error in the metrics of %s', async (name) => {
    expect(await checkMetrics(await scrapeText(at(name)))).toEqual({ code: 0, said: '' });
  });

  it('promtool reports an error in bad metrics', async () => {
    expect((await checkMetrics('# TYPE things_total gauge\nthings_total 1\n')).said).toContain(
      'things_total',
    );
  });
});

describe('the runbook of LoginFailuresSpike', () => {
  const GUESSER = '198.51.100.23';
  const FORGETFUL = '203.0.113.5';

  let file: string;

  beforeAll(() => {
    file = join(tmpdir(), `holdfast-runbook-${process.pid}.log`);
  });
  afterAll(() => rm(file, { force: true }));

  /** Runs the command of the runbook that contains `part`. The log comes from a file instead of a cluster. */
  async function answerTo(part: string): Promise<string[]> {
    const page = await readFile(join(ROOT, 'docs/operations.md'), 'utf8');
    const block = /### LoginFailuresSpike[\s\S]*?```sh[^\n]*\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const lines = block.split('\n');
    const top = lines.find((line) => line.startsWith('top()'));
    const command = lines.find((line) => line.startsWith('logs ') && line.includes(part));
    if (top === undefined || command === undefined)
      throw new Error(`the runbook has no command with ${part}`);
    const script = `logs() { grep '"service":"'"$1"'"' "$FILE"; }\n${top}\n${command}`;
    const { stdout } = await promisify(execFile)('bash', ['-euc', script], {
      env: { PATH: process.env['PATH'], FILE: file, ADDRESS: GUESSER },
    });
    return stdout.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  }

  it('lists who tries to log in, at which account, who succeeded, and the other requests of that address', async () => {
    const { id, username, password } = await client.account();
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    const wrong = { username, password: 'not-the-password' };
    for (let tries = 0; tries < 3; tries += 1)
      await client.rest('POST', '/login', { ...from(GUESSER), body: wrong });
    await client.rest('POST', '/login', { ...from(FORGETFUL), body: wrong });
    await client.graphql(
      'mutation Harmless($input: LoginInput!) { login(input: $input) { __typename } }',
      { input: wrong },
      undefined,
      from(GUESSER).headers,
    );
    await client.rest('POST', '/login', { ...from(GUESSER), body: { username, password } });
    await client.rest('GET', '/products', from(GUESSER));
    await writeFile(file, (await readLogsSoFar(system)).join('\n'));

    expect(await answerTo('"login.limited") | .address')).toEqual([`4 ${GUESSER}`, `1 ${FORGETFUL}`]);
    expect(await answerTo('"login.limited") | .subject')).toEqual([`5 user ${id}`]);
    expect(await answerTo('"login.ok"')).toEqual([`1 user ${id}`]);
    const tried = await answerTo('test(');
    expect([tried[0], tried]).toEqual([`5 ${GUESSER}`, expect.arrayContaining([`1 ${FORGETFUL}`])]);
    expect(await answerTo('.fields')).toEqual(
      expect.arrayContaining(['3 login 401', '2 login 200', '1 products 200']),
    );
  });
});

describe('a real Prometheus', () => {
  const SERVICES = ['gateway', 'users', 'products', 'orders'] as const;

  let prometheus: Prometheus;

  beforeAll(async () => {
    prometheus = await startPrometheus(
      Object.fromEntries(SERVICES.map((service) => [service, new URL(system.opsUrl(service, '/')).host])),
    );
  });
  afterAll(() => prometheus?.stop());

  const jobsWith = async (expression: string): Promise<string[]> =>
    (await prometheus.query(expression)).map(({ metric }) => metric['job'] ?? '').sort();

  it('finds all four services up', async () => {
    const up = await eventually(
      () => jobsWith('up == 1'),
      (jobs) => jobs.length === SERVICES.length,
    );
    expect(up).toEqual([...SERVICES].sort());
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
    expect(await prometheus.query('ALERTS{alertstate="firing"}')).toEqual([]);
  });

  it('fires InstanceDown for products while it is down, and no longer after it is back', async () => {
    const firing = () => prometheus.query('ALERTS{alertname="InstanceDown",alertstate="firing"}');
    await system.kill('products');
    const fired = await eventually(firing, (alerts) => alerts.length > 0, 30_000);
    expect(fired.map(({ metric }) => [metric['job'], metric['severity']])).toEqual([['products', 'page']]);
    await system.restart('products');
    await eventually(firing, (alerts) => alerts.length === 0, 30_000);
  });
});

it('without a database a scrape answers at once, without the values from tables', async () => {
  // The process of products is a new one, which has counted no request yet.
  await client.rest('GET', '/products?limit=1');
  await system.killPostgres();
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
    await system.restartPostgres();
  }
  await eventually(
    () => scrape(at('orders')),
    (metrics) => metrics.has('orders_pending') && metrics.has('queue_jobs{task="settle-order"}'),
  );
}, 60_000);
