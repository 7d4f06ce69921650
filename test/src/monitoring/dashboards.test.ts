// The dashboards and the rules ask for metrics that the running services really have.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@holdfast/scripts/settings';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { scrapeText } from '../support/metrics.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { RULES } from '../support/rules-file.ts';
import { type System, startSystem } from '../support/system.ts';

const SERVICES = ['gateway', 'users', 'products', 'orders'] as const;
const DASHBOARDS = join(ROOT, 'k8s/components/dashboards');
/** What a name may be in PromQL beside a metric. */
const WORDS = new Set(['by', 'le', 'and', 'or', 'on', 'without', 'bool', 'offset', 'unless']);

interface Dashboard {
  readonly title: string;
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

let redis: RedisServer;
let system: System;
let exported: Set<string>;

beforeAll(async () => {
  redis = await startRedis();
  system = await startSystem({ env: { REDIS_URL: redis.url } });
  const texts = await Promise.all(SERVICES.map((service) => scrapeText(system.opsUrl(service, '/metrics'))));
  exported = new Set(['up']);
  for (const [, name, type] of texts.join('\n').matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    if (name === undefined) continue;
    const parts = type === 'histogram' || type === 'summary' ? ['_sum', '_count'] : [''];
    for (const part of type === 'histogram' ? [...parts, '_bucket'] : parts) exported.add(name + part);
  }
  for (const [, name] of readFileSync(RULES, 'utf8').matchAll(/record: (\S+)/g)) exported.add(name ?? '');
}, 60_000);
afterAll(async () => {
  await system?.stop();
  await redis?.stop();
});

/** The metrics that an expression names. */
function metricsOf(expression: string): string[] {
  const bare = expression
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|without) *\([^)]*\)/g, '');
  return [...bare.matchAll(/[a-zA-Z_][\w:]*(?! *\()\b(?! *\()/g)]
    .map(([name]) => name)
    .filter((name) => !WORDS.has(name));
}

it('tells metrics from functions, labels and words', () => {
  expect(metricsOf('sum by (a) (rate(b_total{c="d"}[$__rate_interval])) / max(e:f_g) and h == 0')).toEqual([
    'b_total',
    'e:f_g',
    'h',
  ]);
});

it('names in every query of every panel a metric that a service exports', () => {
  const files = readdirSync(DASHBOARDS).filter((file) => file.endsWith('.json'));
  expect(files).toHaveLength(3);
  const unknown = files.flatMap((file) => {
    const { title, panels }: Dashboard = JSON.parse(readFileSync(join(DASHBOARDS, file), 'utf8'));
    return panels.flatMap((panel) =>
      panel.targets.flatMap(({ expr }) => {
        const metrics = metricsOf(expr);
        expect(metrics).not.toEqual([]);
        return metrics
          .filter((name) => !exported.has(name))
          .map((name) => `${title}, ${panel.title}: ${name}`);
      }),
    );
  });
  expect(unknown).toEqual([]);
});

it('names in every rule a metric that a service exports', () => {
  const expressions = [...readFileSync(RULES, 'utf8').matchAll(/expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)/g)];
  expect(expressions.length).toBeGreaterThan(10);
  const unknown = expressions
    .flatMap(([, folded = '', line = '']) => metricsOf(folded + line))
    .filter((name) => !exported.has(name));
  expect(unknown).toEqual([]);
});
