// What a shop exports before its first request, and the dashboards and rules that select it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { PROCESSES, type ProcessName } from '@holdfast/local/settings/services';
import { ORDER_STATUSES } from '@holdfast/orders/domain/order-status';
import { VERSION } from '@holdfast/platform/observability/version';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { uniqueName } from '../support/client.ts';
import { parseMetrics, scrape, scrapeText, sumOf } from '../support/metrics.ts';
import { runPromtool } from '../support/promtool.ts';
import { listMissingSeries, rulesOf, selectorsOf } from '../support/rules.ts';
import { account, at, client, REVISION, staff, system, textsAtStart } from './watched-shop.ts';

describe('dashboards and rules', () => {
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

  beforeAll(() => {
    const texts = PROCESSES.map((name) => textsAtStart[name]);
    seriesAtStart = texts.flatMap((text) => [...parseMetrics(text).keys()]);
    exported = new Set(['up', ...rules.flatMap(({ record = [] }) => record)]);
    for (const text of texts)
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

  it.each(zeros)('%s: %s stands at 0 for each %s from the start', (name, metric, label, values) => {
    const metrics = parseMetrics(textsAtStart[name]);
    for (const value of values) {
      const series = [...metrics].filter(
        ([key]) => key.startsWith(`${metric}{`) && key.includes(`"${value}"`),
      );
      expect([label, value, [...new Set(series.map(([, count]) => count))]]).toEqual([label, value, [0]]);
    }
  });

  it('counters and gauges without labels stand at 0 from the start', () => {
    expect(parseMetrics(textsAtStart.users).get('argon2_refused_total')).toBe(0);
    for (const name of ['users', 'products', 'orders'] as const)
      expect([name, parseMetrics(textsAtStart[name]).get('idempotent_replays_total')]).toEqual([name, 0]);
    const orders = parseMetrics(textsAtStart.orders);
    for (const name of ['orders_pending', 'orders_oldest_pending_seconds'])
      expect([name, orders.get(name)]).toEqual([name, 0]);
  });

  it.each(PROCESSES)('%s reports its build and its runtime', (name) => {
    const metrics = parseMetrics(textsAtStart[name]);
    const labels = { service: name, revision: REVISION, node: process.version, version: VERSION };
    expect(sumOf(metrics, 'build_info', labels)).toBe(1);
    expect(metrics.get('nodejs_heap_size_used_bytes')).toBeGreaterThan(0);
    expect(metrics.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
  });

  /** One call of each kind. */
  async function oneOfEach(): Promise<void> {
    const { token } = account;
    const product = await client.product(staff.token, { stock: 3 });
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

  it('requests with different names add no series', async () => {
    await oneOfEach();
    // Not all of the methods yet.
    for (let number = 0; number < 4; number += 1) await nonsense(number);
    const series = async () => {
      const all = await Promise.all(PROCESSES.map(async (name) => [...(await scrape(at(name))).keys()]));
      // The series of open handles and garbage collection vary by themselves.
      return all.map((keys) => keys.filter((key) => !/^nodejs_(active|gc)_/.test(key)));
    };
    const before = await series();
    for (let number = 0; number < 24; number += 1) await nonsense(number);
    expect(await series()).toEqual(before);
    for (const keys of before) expect(keys.length).toBeLessThan(MAX_SERIES);
  });

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
