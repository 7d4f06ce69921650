// That losing a node or a pod, rolling out, or deleting the services leaves enough of everything; and what once was wrong.
import { join } from 'node:path';
import { SERVICES } from '@holdfast/database';
import {
  type ConnectionBudget,
  connectionBudgets,
  connectionsOf,
} from '@holdfast/scripts/connection-budgets';
import { ROOT } from '@holdfast/scripts/settings';
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { nameOf, ofKind, SERVICE_NAMES, selects, specOf, within, workloadsOf } from './objects.ts';
import { kustomize, render, type Variant } from './render.ts';
import { plainSettings } from './settings.ts';

const PRODUCTIONS = ['production', 'gateway-api', 'keda', 'restored'] as const satisfies Variant[];

test('three to ten of each service run, one may be evicted at a time, and KEDA means the same CPU as an HPA', async () => {
  const [plain, keda] = [await render('production'), await render('keda')];
  for (const service of SERVICE_NAMES)
    expect(specOf(plain, 'HorizontalPodAutoscaler', service)).toMatchObject({
      scaleTargetRef: { kind: 'Deployment', name: service },
      minReplicas: 3,
      maxReplicas: 10,
      metrics: [{ containerResource: { container: 'service', target: { averageUtilization: 140 } } }],
    });
  for (const service of ['products', 'orders'])
    expect(specOf(keda, 'ScaledObject', service)).toMatchObject({
      scaleTargetRef: { name: service },
      minReplicaCount: 3,
      maxReplicaCount: 10,
      triggers: [
        { type: 'cpu', metricType: 'Utilization', metadata: { containerName: 'service', value: '140' } },
        { type: 'prometheus' },
      ],
    });
  expect(ofKind(keda, 'HorizontalPodAutoscaler').map(nameOf).sort()).toEqual(['gateway', 'users']);
  const budget = z.looseObject({ maxUnavailable: z.number(), selector: z.unknown() });
  const budgets = ofKind(plain, 'PodDisruptionBudget').map((object) => budget.parse(object['spec']));
  for (const { name, labels } of workloadsOf(plain).filter(({ kind }) => kind === 'Deployment')) {
    // Two budgets for one pod would make every eviction fail.
    const own = budgets
      .filter(({ selector }) => selects(selector, labels))
      .map(({ maxUnavailable }) => maxUnavailable);
    expect([name, own]).toEqual([name, [1]]);
  }
});

test.each(PRODUCTIONS)('%s spreads by rules that know of tainted nodes', async (variant) => {
  const rules = [...within(await render(variant))].filter(
    ([, rule]) => rule['topologyKey'] && rule['maxSkew'],
  );
  expect(rules.length).toBeGreaterThan(12);
  for (const [, rule] of rules.filter(([, { whenUnsatisfiable }]) => whenUnsatisfiable === 'DoNotSchedule'))
    expect(rule).toMatchObject({ topologyKey: 'kubernetes.io/hostname', nodeTaintsPolicy: 'Honor' });
});

test('deleting an overlay leaves the namespace, and deleting the services leaves the data', async () => {
  for (const overlay of ['local', 'production', 'production-data', 'production-restore'])
    if (overlay !== 'local') {
      const objects = await kustomize(join(ROOT, 'k8s/overlays', overlay));
      const data = ofKind(objects, 'Cluster', 'ObjectStore', 'RedisReplication', 'PersistentVolumeClaim');
      expect(ofKind(objects, 'Namespace')).toEqual([]);
      if (overlay === 'production') expect(data).toEqual([]);
      else expect(data.length).toBeGreaterThan(0);
      for (const { metadata } of data)
        expect(metadata.annotations).toEqual({
          'argocd.argoproj.io/sync-options': 'Delete=false,Prune=false',
          'kustomize.toolkit.fluxcd.io/prune': 'disabled',
        });
    }
});

test('a commit is on two of three instances, and only an instance that has every commit is promoted', async () => {
  expect(specOf(await render('production'), 'Cluster', 'holdfast-db')).toMatchObject({
    instances: 3,
    postgresql: {
      synchronous: { method: 'any', number: 1, dataDurability: 'required', failoverQuorum: true },
    },
  });
});

test.each(PRODUCTIONS)(
  'in %s the database has the names that clients use, and they the authority to check it',
  async (variant) => {
    const objects = await render(variant);
    const [cluster = ''] = ofKind(objects, 'Cluster').map(nameOf);
    expect(specOf(objects, 'Pooler', 'holdfast-db-pooler')).toMatchObject({ cluster: { name: cluster } });
    expect(specOf(objects, 'Service', 'holdfast-db-direct')).toMatchObject({
      selector: { 'cnpg.io/cluster': cluster, 'cnpg.io/instanceRole': 'primary' },
    });
    expect(specOf(objects, 'ScheduledBackup', `${cluster}-nightly`)).toMatchObject({
      cluster: { name: cluster },
    });
    expect(specOf(objects, 'Cluster', cluster)).toMatchObject({
      certificates: {
        serverAltDNSNames: expect.arrayContaining(['holdfast-db-pooler', 'holdfast-db-direct']),
      },
    });
    const clients = workloadsOf(objects).filter(({ name }) => name !== 'gateway');
    expect(clients.length).toBe(4);
    for (const { name, pod, containers } of clients) {
      const authority = {
        secret: { secretName: `${cluster}-ca`, items: [{ key: 'ca.crt', path: 'ca.crt' }] },
      };
      expect([name, pod.volumes]).toEqual([
        name,
        expect.arrayContaining([{ name: 'database-ca', ...authority }]),
      ]);
      for (const { volumeMounts } of containers)
        expect(volumeMounts).toContainEqual(
          expect.objectContaining({ mountPath: '/etc/holdfast/database-ca' }),
        );
    }
  },
);

const database = z.looseObject({
  postgresql: z.looseObject({ parameters: z.looseObject({ max_connections: z.coerce.number() }) }),
});
const pooler = z.looseObject({
  instances: z.number(),
  pgbouncer: z.looseObject({
    parameters: z.looseObject({ default_pool_size: z.coerce.number(), max_client_conn: z.coerce.number() }),
  }),
});
/** For migrations, backups, replicas and people who look into it. */
const RESERVED = 20;

test('all instances at once, while one more of each is rolled in, find room for their connections', async () => {
  const objects = await render('production');
  const { parameters } = database.parse(specOf(objects, 'Cluster', 'holdfast-db')).postgresql;
  const { instances, pgbouncer } = pooler.parse(specOf(objects, 'Pooler', 'holdfast-db-pooler'));
  const sum = (way: ConnectionBudget['way']) =>
    SERVICES.reduce((total, service) => {
      const settings = plainSettings(objects, service);
      const budgets = connectionBudgets(service, {
        poolMax: Number(settings['DATABASE_POOL_MAX'] ?? 10),
        queueConcurrency: Number(settings['QUEUE_CONCURRENCY'] ?? 4),
      });
      return total + (10 + 1) * connectionsOf(budgets, way);
    }, 0);
  const pooled = SERVICES.length * pgbouncer.parameters.default_pool_size * instances;
  expect(pooled + sum('direct') + RESERVED).toBeLessThanOrEqual(parameters.max_connections);
  // PgBouncer counts the clients of each of its instances, and one may get all of them.
  expect(sum('pooled')).toBeLessThan(pgbouncer.parameters.max_client_conn);
});

test.each(['local', 'production'] as const)(
  'in %s a service listens where it is asked, and may end in its time',
  async (variant) => {
    const objects = await render(variant);
    for (const { name, pod, annotations } of workloadsOf(objects)) {
      const service = SERVICE_NAMES.find((one) => one === name);
      if (!service) continue;
      const { PORT, OPS_PORT, DRAIN_DELAY_MS } = plainSettings(objects, service);
      expect(annotations['prometheus.io/port']).toBe(OPS_PORT);
      // It ends by itself within 25 s of SIGTERM, the delay included, after the 2 s of preStop.
      expect(Number(DRAIN_DELAY_MS)).toBeLessThan(25_000 / 2);
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(2 + 25);
      expect(pod.containers).toMatchObject([
        {
          ports: [
            { name: 'http', containerPort: Number(PORT) },
            { name: 'ops', containerPort: Number(OPS_PORT) },
          ],
          lifecycle: { preStop: { sleep: { seconds: 2 } } },
          livenessProbe: { httpGet: { path: '/livez', port: 'ops' } },
          readinessProbe: { httpGet: { path: '/readyz', port: 'ops' } },
        },
      ]);
    }
  },
);

test('ours run as a user of no rights, who can read the keys that are mounted', async () => {
  const ours = workloadsOf(await render('production'));
  expect(ours.map(({ name }) => name).sort()).toEqual(['migrations', ...SERVICE_NAMES].sort());
  for (const { pod, containers } of ours) {
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsUser: 10001, fsGroup: 10001 },
    });
    for (const container of containers)
      expect(container).toMatchObject({
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        resources: {
          requests: { cpu: expect.anything(), memory: expect.anything() },
          limits: { memory: expect.anything() },
        },
      });
  }
});
