// The dashboards and the rules about the services ask for series that the services have, from their start.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/settings/settings';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { scrape, scrapeText } from '../support/metrics.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { missingSeries, rulesOf, selectorsOf } from '../support/rules.ts';
import { type System, startSystem } from '../support/system.ts';

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

let redis: RedisServer;
let system: System;
/** The names of what is exported, or is recorded by a rule. */
let exported: Set<string>;
let seriesAtStart: string[];

beforeAll(async () => {
  redis = await startRedis();
  system = await startSystem({ env: { REDIS_URL: redis.url } });
  const urls = SERVICES.map((service) => system.opsUrl(service, '/metrics'));
  seriesAtStart = (await Promise.all(urls.map(scrape))).flatMap((one) => [...one.keys()]);
  exported = new Set(['up', ...rules.flatMap(({ record = [] }) => record)]);
  for (const text of await Promise.all(urls.map(scrapeText)))
    for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      const parts = type === 'histogram' || type === 'summary' ? ['_sum', '_count'] : [''];
      for (const part of type === 'histogram' ? [...parts, '_bucket'] : parts) exported.add(name + part);
    }
}, 60_000);
afterAll(async () => {
  await system?.stop();
  await redis?.stop();
});

it('tells metrics from functions, labels, texts and words', () => {
  const expression =
    'sum by (a) (rate(b_total{c="d",i=~"j|k",l!="m"}[$__rate_interval])) / max(e:f_g) and h == 80 or label_replace(n, "o", "p", "", "")';
  expect(selectorsOf(expression)).toEqual([
    { metric: 'b_total', labels: { c: ['d'], i: ['j', 'k'] } },
    { metric: 'e:f_g', labels: {} },
    { metric: 'h', labels: {} },
    { metric: 'n', labels: {} },
  ]);
});

it('names in every query of every panel a metric that a service exports', () => {
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

it('names in every rule a series that a service has before its first request, so that no first event is missed', () => {
  const selectors = rules.flatMap(({ expr }) => selectorsOf(expr));
  expect(selectors.length).toBeGreaterThan(30);
  const isMade = ({ metric }: { readonly metric: string }) =>
    metric === 'up' || rules.some(({ record }) => record === metric);
  const missing = selectors
    .filter((selector) => !isMade(selector))
    .flatMap((selector) => missingSeries(selector, seriesAtStart));
  // The requests of a route begin with the first; their rules are ratios over five minutes.
  expect(missing.filter((name) => !name.startsWith('http_request_duration_seconds'))).toEqual([]);
});
