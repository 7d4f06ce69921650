// That losing a node, a zone or a pod, or rolling out, leaves enough of everything; and that what is there is enough.

import { SERVICES } from '@holdfast/database';
import { createLogger } from '@holdfast/platform/log';
import { createOpsServer } from '@holdfast/platform/ops';
import {
  type ConnectionBudget,
  connectionBudgets,
  connectionsOf,
} from '@holdfast/scripts/connection-budgets';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { type KubernetesObject, nameOf, ofKind, SERVICE_NAMES, selects, workloadsOf } from './objects.ts';
import { renderAll, type Variant } from './render.ts';
import { plainSettings } from './settings.ts';

let rendered: Record<Variant, KubernetesObject[]>;

beforeAll(async () => {
  rendered = await renderAll();
}, 60_000);

const hpa = z.looseObject({ spec: z.looseObject({ minReplicas: z.number(), maxReplicas: z.number() }) });
const scaled = z.looseObject({
  spec: z.looseObject({ minReplicaCount: z.number(), maxReplicaCount: z.number() }),
});
const pdb = z.looseObject({ spec: z.looseObject({ maxUnavailable: z.number(), selector: z.unknown() }) });

/** How few and how many instances of a service there are; whoever scales it must be one. */
function instances(objects: readonly KubernetesObject[], service: string): { min: number; max: number } {
  const byHpa = ofKind(objects, 'HorizontalPodAutoscaler').map((object) => {
    const { minReplicas: min, maxReplicas: max } = hpa.parse(object).spec;
    return { name: nameOf(object), min, max };
  });
  const byKeda = ofKind(objects, 'ScaledObject').map((object) => {
    const { minReplicaCount: min, maxReplicaCount: max } = scaled.parse(object).spec;
    return { name: nameOf(object), min, max };
  });
  const found = [...byHpa, ...byKeda].filter(({ name }) => name === service);
  expect(found).toHaveLength(1);
  return found[0] ?? { min: 0, max: 0 };
}

const serviceOf = (objects: readonly KubernetesObject[], service: string) => {
  const found = workloadsOf(objects).find(({ kind, name }) => kind === 'Deployment' && name === service);
  if (!found) throw new Error(`there is no Deployment ${service}`);
  return found;
};

describe.each(['production', 'production-gateway-api', 'production-keda'] as const)('%s', (variant) => {
  test.each(SERVICE_NAMES)('has three of %s at least, and lets go of one at a time', (service) => {
    const { labels } = serviceOf(rendered[variant], service);
    const { min, max } = instances(rendered[variant], service);
    expect(min).toBeGreaterThanOrEqual(3);
    expect(max).toBeGreaterThan(min);
    const budgets = ofKind(rendered[variant], 'PodDisruptionBudget')
      .map((object) => pdb.parse(object).spec)
      .filter(({ selector }) => selects(selector, labels));
    // Two budgets for one pod would make every eviction fail.
    expect(budgets.map(({ maxUnavailable }) => maxUnavailable)).toEqual([1]);
  });

  test.each(SERVICE_NAMES)('spreads %s over zones and hosts', (service) => {
    const { labels, pod } = serviceOf(rendered[variant], service);
    const keys = pod.topologySpreadConstraints
      .filter(({ labelSelector }) => selects(labelSelector, labels))
      .map(({ topologyKey }) => topologyKey);
    expect(keys).toEqual(['topology.kubernetes.io/zone', 'kubernetes.io/hostname']);
  });
});

const database = z.looseObject({
  spec: z.looseObject({
    instances: z.literal(3),
    postgresql: z.looseObject({
      parameters: z.looseObject({ max_connections: z.coerce.number() }),
      synchronous: z.looseObject({ number: z.number().min(1), dataDurability: z.literal('required') }),
    }),
  }),
});
const pooler = z.looseObject({
  spec: z.looseObject({
    instances: z.number().min(2),
    pgbouncer: z.looseObject({
      poolMode: z.literal('transaction'),
      parameters: z.looseObject({
        default_pool_size: z.coerce.number(),
        max_client_conn: z.coerce.number(),
        max_prepared_statements: z.coerce.number().min(1),
        ignore_startup_parameters: z.literal('statement_timeout'),
      }),
    }),
  }),
});

/** For migrations, backups, replicas and people who look into it. */
const RESERVED = 20;

test('all instances at once, while one more of each is rolled in, find room for their connections', () => {
  const objects = rendered.production;
  const [cluster] = ofKind(objects, 'Cluster').map((object) => database.parse(object).spec);
  const [pool] = ofKind(objects, 'Pooler').map((object) => pooler.parse(object).spec);
  const most = (service: string) => instances(objects, service).max + 1;
  const sum = (way: ConnectionBudget['way']) =>
    SERVICES.reduce((total, service) => {
      const settings = plainSettings(objects, service);
      const budgets = connectionBudgets(service, {
        poolMax: Number(settings['DATABASE_POOL_MAX'] ?? 10),
        queueConcurrency: Number(settings['QUEUE_CONCURRENCY'] ?? 4),
      });
      return total + most(service) * connectionsOf(budgets, way);
    }, 0);
  const parameters = pool?.pgbouncer.parameters;
  const pooled = SERVICES.length * (parameters?.default_pool_size ?? 0) * (pool?.instances ?? 0);
  const room = cluster?.postgresql.parameters.max_connections ?? 0;
  expect(pooled + sum('direct') + RESERVED).toBeLessThanOrEqual(room);
  // PgBouncer counts the clients of each of its instances, and one may get all of them.
  expect(sum('pooled')).toBeLessThan(parameters?.max_client_conn ?? 0);
});

/** What is done before SIGTERM. */
const ended = z.looseObject({
  lifecycle: z.object({ preStop: z.object({ sleep: z.object({ seconds: z.number() }) }) }),
});

describe.each(['local', 'production'] as const)('in %s', (variant) => {
  test.each(SERVICE_NAMES)('%s is given the time that it takes to end', (service) => {
    const { pod } = serviceOf(rendered[variant], service);
    const delay = Number(plainSettings(rendered[variant], service)['DRAIN_DELAY_MS']);
    expect(delay).toBeGreaterThanOrEqual(1_000);
    // It ends by itself within 25 s of SIGTERM, the delay included.
    expect(delay).toBeLessThan(25_000 / 2);
    const { lifecycle } = ended.parse(pod.containers[0]);
    const budget = lifecycle.preStop.sleep.seconds + 25;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(budget);
  });

  test.each(SERVICE_NAMES)(
    '%s listens where its ports, its probes and its scrape annotations say',
    (service) => {
      const { pod, annotations } = serviceOf(rendered[variant], service);
      const settings = plainSettings(rendered[variant], service);
      const [container] = pod.containers;
      const port = (name: string) => container?.ports.find((one) => one.name === name)?.containerPort;
      expect([port('http'), port('ops')]).toEqual([Number(settings['PORT']), Number(settings['OPS_PORT'])]);
      expect(annotations['prometheus.io/port']).toBe(settings['OPS_PORT']);
      expect(container?.livenessProbe?.httpGet).toEqual({ path: '/livez', port: 'ops' });
      expect(container?.startupProbe?.httpGet).toEqual({ path: '/livez', port: 'ops' });
      expect(container?.readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'ops' });
    },
  );
});

test('the ops port has what the probes and Prometheus ask for', async () => {
  const ops = createOpsServer({ log: createLogger('test', 'silent'), checks: {}, draining: () => false });
  const port = await ops.listen(0, '127.0.0.1');
  try {
    for (const path of ['/livez', '/readyz', '/metrics'])
      expect([path, (await fetch(`http://127.0.0.1:${port}${path}`)).status]).toEqual([path, 200]);
  } finally {
    await ops.close();
  }
});

test.each(['local', 'production'] as const)('in %s only staff write the catalogue', (overlay) => {
  expect(plainSettings(rendered[overlay], 'products')).toMatchObject({ CATALOG_WRITERS: 'staff' });
});

test('production does not show the schema', () => {
  expect(plainSettings(rendered.production, 'gateway')).toMatchObject({
    INTROSPECTION: 'off',
    EXPLORER: 'off',
    TRUSTED_PROXIES: '1',
    OPERATIONS: 'any',
    CORS_ORIGINS: '',
    LOG_LEVEL: 'info',
  });
});
