// The set of series: what Prometheus' own check says of it, what is there from the start, that it is bounded, and what
// is left of it without a database.

import { PROCESSES, type ProcessName } from '@holdfast/local/stack/services';
import { ORDER_STATUSES } from '@holdfast/orders/domain/order-status';
import { VERSION } from '@holdfast/platform/observability/version';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Account, Client, eventually, uniqueName } from '../support/client.ts';
import { scrape, scrapeText, sumOf } from '../support/metrics.ts';
import { promtool } from '../support/promtool.ts';
import { type System, startSystem } from '../support/system.ts';

const REVISION = '0123abc';
/** Above the some 2,800 of the gateway: a label that is not bounded would pass it. */
const MAX_SERIES = 4_000;

let system: System;
let client: Client;

beforeAll(async () => {
  system = await startSystem({
    ownPostgres: true,
    env: { REVISION, RATE_LIMITS: 'register=1000/1m,address=100000/1m,invalid=100000/1m' },
  });
}, 60_000);
afterAll(() => system?.stop());

const at = (name: ProcessName) => system.opsUrl(name, '/metrics');

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
  ['gateway', 'graphql_operation_duration_seconds_count', 'outcome', ['ok', 'refused', 'error', 'abandoned']],
  // The gateway has asked for the field _service, with success.
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
  ['gateway', 'rate_limit_refusals_total', 'limit', ['register', 'login', 'createOrder', 'user', 'address']],
];

it.each(zeros)('%s: %s stands at 0 for each %s from the start', async (name, metric, label, values) => {
  const metrics = await scrape(at(name));
  for (const value of values) {
    const series = [...metrics].filter(([key]) => key.startsWith(`${metric}{`) && key.includes(`"${value}"`));
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

it.each(PROCESSES)('%s says which build it is and how its runtime does', async (name) => {
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

/** What a caller can choose: paths, names of operations, types, methods. */
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

it('a thousand requests with names of their own make no series', async () => {
  client = await Client.of(system.url);
  await oneOfEach(await client.account());
  // Not all of the methods yet.
  for (let number = 0; number < 4; number += 1) await nonsense(number);
  const series = async () => {
    const all = await Promise.all(PROCESSES.map(async (name) => [...(await scrape(at(name))).keys()]));
    // What the runtime has open, and what it has collected, is its own affair.
    return all.map((keys) => keys.filter((key) => !/^nodejs_(active|gc)_/.test(key)));
  };
  const before = await series();
  for (let number = 0; number < 200; number += 1) await nonsense(number);
  expect(await series()).toEqual(before);
  for (const keys of before) expect(keys.length).toBeLessThan(MAX_SERIES);
}, 60_000);

const checkMetrics = (input: string) => promtool(['check', 'metrics'], { input });

it.each(PROCESSES)('promtool finds nothing in the metrics of %s', async (name) => {
  expect(await checkMetrics(await scrapeText(at(name)))).toEqual({ code: 0, said: '' });
});

it('promtool would find something', async () => {
  expect((await checkMetrics('# TYPE things_total gauge\nthings_total 1\n')).said).toContain('things_total');
});

it('without a database a scrape answers at once, without what stands in tables', async () => {
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
