// A real Prometheus over a running system: it finds every target, its rules yield, and an alert fires when it should.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Client, eventually } from '../support/client.ts';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { rulesOf } from '../support/rules.ts';
import { type System, startSystem } from '../support/system.ts';

const SERVICES = ['gateway', 'users', 'products', 'orders'] as const;

let system: System;
let client: Client;
let prometheus: Prometheus;

beforeAll(async () => {
  system = await startSystem();
  client = await Client.of(system.url);
  prometheus = await startPrometheus(
    Object.fromEntries(SERVICES.map((service) => [service, new URL(system.opsUrl(service, '/')).host])),
  );
}, 60_000);
afterAll(async () => {
  await prometheus?.stop();
  await system?.stop();
});

const jobsWith = async (expression: string): Promise<string[]> =>
  (await prometheus.query(expression)).map(({ metric }) => metric['job'] ?? '').sort();

it('finds all four services up', async () => {
  const up = await eventually(
    () => jobsWith('up == 1'),
    (jobs) => jobs.length === SERVICES.length,
  );
  expect(up).toEqual([...SERVICES].sort());
});

it('gets a value for every recording rule', async () => {
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

it('fires InstanceDown for products when it is stopped, and only that, until it is back', async () => {
  const firing = () => prometheus.query('ALERTS{alertname="InstanceDown",alertstate="firing"}');
  await system.kill('products');
  const fired = await eventually(firing, (alerts) => alerts.length > 0, 30_000);
  expect(fired.map(({ metric }) => [metric['job'], metric['severity']])).toEqual([['products', 'page']]);
  await system.restart('products');
  expect(await eventually(firing, (alerts) => alerts.length === 0, 30_000)).toEqual([]);
});
