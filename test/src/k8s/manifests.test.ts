// The manifests as a cluster would get them, checked without one: what neither a schema nor a linter knows, and what once was wrong.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SERVICES } from '@holdfast/database';
import {
  type ConnectionBudget,
  connectionBudgets,
  connectionsOf,
} from '@holdfast/scripts/connection-budgets';
import { ROOT } from '@holdfast/scripts/settings';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { rulesOf, selectorsOf } from '../support/rules.ts';
import {
  type KubernetesObject,
  nameOf,
  ofKind,
  SERVICE_NAMES,
  specOf,
  within,
  workloadsOf,
} from './objects.ts';
import { kustomize, parseObjects, render, VARIANTS, type Variant } from './render.ts';
import { createValidator } from './schemas.ts';
import { plainSettings, settingFaults } from './settings.ts';

const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');
const overlay = (name: string): Promise<KubernetesObject[]> => kustomize(join(ROOT, 'k8s/overlays', name));
/** What is applied, and the Job that a person creates. */
const allOf = async (variant: Variant): Promise<KubernetesObject[]> => [
  ...(await render(variant)),
  ...parseObjects(await read('k8s/jobs/promote-staff.yaml')),
];

test.each(['lowest', 'newest'] as const)(
  'all is taken by the %s versions that the README states',
  async (which) => {
    const all = (await Promise.all(VARIANTS.map(allOf))).flat();
    const different = new Map(all.map((object) => [JSON.stringify(object), object]));
    expect([...different.values()].flatMap(await createValidator(which))).toEqual([]);
  },
);

const reference = z.looseObject({
  name: z.string().optional(),
  secretName: z.string().optional(),
  key: z.string().optional(),
  items: z.array(z.looseObject({ key: z.string() })).default([]),
});
const REFERENCES =
  /^(secretKeyRef|secret|passwordSecret|redisSecret|accessKeyId|secretAccessKey|tls|certificateRefs)$/;

/** A Secret and its keys as lines: `NAME`, `NAME KEY`. */
const lines = (name: string, keys: readonly string[]) => [name, ...keys.map((key) => `${name} ${key}`)];

const secretsNamedBy = (objects: readonly KubernetesObject[]): string[] =>
  [...within(objects)].flatMap(([under, part]) => {
    const { name, secretName = name, key, items } = reference.parse(REFERENCES.test(under) ? part : {});
    return secretName ? lines(secretName, [...items.map((item) => item.key), ...(key ? [key] : [])]) : [];
  });

/** The Secrets that there are: those that the local overlay makes, or those that k8s/README.md says to make. */
async function secretsOf(variant: Variant): Promise<string[]> {
  if (variant === 'local')
    return ofKind(await render(variant), 'Secret').flatMap((object) =>
      lines(nameOf(object), Object.keys(z.looseObject({}).parse(object['data']))),
    );
  const text = await read('k8s/README.md');
  const table = variant === 'restored' ? text.replace('`holdfast-db-ca`', '`holdfast-db-2-ca`') : text;
  return [...table.matchAll(/^\| `(holdfast-[\w-]+)` \| ([^|]+) \|/gm)].flatMap(([, name = '', keys = '']) =>
    lines(name, keys.match(/[\w.]+(?=`)/g) ?? []),
  );
}

describe.each(VARIANTS)('%s', (variant) => {
  test('names the Secrets and keys that there are, and each of these Secrets', async () => {
    const [named, present] = [secretsNamedBy(await render(variant)), await secretsOf(variant)];
    expect(present).toEqual(expect.arrayContaining(named));
    expect(named).toEqual(expect.arrayContaining(present.filter((one) => !one.includes(' '))));
  });

  test('gives every service the settings that it needs, and none that it does not know', async () => {
    const objects = await allOf(variant);
    expect(settingFaults(objects)).toEqual([]);
    const tokens = { JWT_ISSUER: 'holdfast', JWT_AUDIENCE: 'holdfast' };
    const outside = { INTROSPECTION: 'off', EXPLORER: 'off', TRUSTED_PROXIES: '1', CORS_ORIGINS: '' };
    expect(SERVICE_NAMES.map((name) => plainSettings(objects, name))).toMatchObject([
      variant === 'local' ? tokens : { ...tokens, ...outside },
      tokens,
      { ...tokens, CATALOG_WRITERS: 'staff' },
      { ...tokens, IDEMPOTENCY_KEY: 'required' },
    ]);
    for (const name of SERVICE_NAMES) {
      const { PORT, OPS_PORT } = plainSettings(objects, name);
      const [container] = workloadsOf(objects).find((one) => one.name === name)?.pod.containers ?? [];
      expect(container?.ports.map(({ containerPort }) => String(containerPort))).toEqual([PORT, OPS_PORT]);
      // With a hash, so that a change of a setting rolls the pods.
      expect(container?.envFrom[0]?.configMapRef.name).toMatch(/-settings-[a-z0-9]{10}$/);
    }
  });

  test('runs images that the Containerfile builds, or of a version of others, ours all of one', async () => {
    const containers = workloadsOf(await allOf(variant)).flatMap((workload) => workload.containers);
    const images = containers.map(({ image }) => image);
    const ours = images.filter((image) => image.startsWith('holdfast/')).map((image) => image.split(/[/:]/));
    const containerfile = await read('Containerfile');
    for (const [, target] of ours) expect(containerfile).toMatch(new RegExp(`^FROM .* AS ${target}$`, 'm'));
    expect(new Set(ours.map(([, , version]) => version)).size).toBe(1);
    expect(images.filter((image) => !/:v?\d[\w.-]*(@sha256:[0-9a-f]{64})?$/.test(image))).toEqual([]);
  });

  test('leads every URL, also of the Secrets, to a Service and a port that are there', async () => {
    const objects = await render(variant);
    const open = ofKind(objects, 'Service').flatMap((service) =>
      [...within(service)]
        .filter(([key]) => key === 'ports')
        .map(([, { port }]) => `${nameOf(service)}:${port}`),
    );
    open.push(...ofKind(objects, 'Pooler').map((object) => `${nameOf(object)}:5432`));
    open.push(...ofKind(objects, 'RedisReplication').map((object) => `${nameOf(object)}-master:6379`));
    const told = (await read('k8s/README.md')).matchAll(/`((?:postgres|redis):\/\/[^`]+)`/g);
    const urls = variant === 'local' ? [] : [...told].map(([, url = '']) => url);
    for (const name of SERVICE_NAMES)
      for (const [key, url] of Object.entries(plainSettings(objects, name)))
        if (key.endsWith('_URL')) urls.push(url);
    expect(urls.length).toBe(variant === 'local' ? 7 : 12);
    expect(open).toEqual(expect.arrayContaining(urls.map((url) => new URL(url).host)));
  });
});

test('every rule that may leave a pod pending does not count nodes that taints keep it from', async () => {
  const rules = [...within(await render('production'))].filter(([, rule]) => rule['topologyKey']);
  const strict = rules.filter(([, rule]) => rule['whenUnsatisfiable'] === 'DoNotSchedule');
  expect(strict.map(([, rule]) => rule['nodeTaintsPolicy'])).toEqual(Array(9).fill('Honor'));
});

test.each([
  ['production', 'holdfast-db'],
  ['restored', 'holdfast-db-2'],
] as const)('all ways of %s lead to %s, which keeps commits on two instances', async (variant, name) => {
  const objects = await render(variant);
  const synchronous = { method: 'any', number: 1, dataDurability: 'required', failoverQuorum: true };
  const serverAltDNSNames = expect.arrayContaining([
    'holdfast-db-pooler',
    'holdfast-db-direct',
    'holdfast-db-replicas',
  ]);
  const spec = { instances: 3, postgresql: { synchronous }, certificates: { serverAltDNSNames } };
  expect(specOf(objects, 'Cluster', name)).toMatchObject(spec);
  for (const [service, role] of Object.entries({ direct: 'primary', replicas: 'replica' }))
    expect(specOf(objects, 'Service', `holdfast-db-${service}`)).toMatchObject({
      selector: { 'cnpg.io/instanceRole': role },
    });
  const text = JSON.stringify(objects);
  // Of the spread, the pooler, the nightly backup, two Services, and in four pods the authority that seven containers read.
  const names =
    /"cnpg\.io\/cluster":"([^"]*)"|"cluster":{"name":"([^"]*)"}|"secretName":"(holdfast-db[\w-]*)-ca"/g;
  expect([...text.matchAll(names)].map(([, ...found]) => found.join(''))).toEqual(Array(9).fill(name));
  expect(text.match(/"mountPath":"\/etc\/holdfast\/database-ca"/g)).toHaveLength(7);
});

test('a restored database reads the archive of the old one, and writes into a folder of its own', async () => {
  const archive = (serverName: string) => ({
    parameters: { barmanObjectName: 'holdfast-backups', serverName },
  });
  const production = await render('production');
  expect(specOf(production, 'Cluster', 'holdfast-db')).toMatchObject({ plugins: [archive('holdfast-db')] });
  expect(specOf(await render('restored'), 'Cluster', 'holdfast-db-2')).toMatchObject({
    bootstrap: { recovery: { source: 'origin' } },
    externalClusters: [{ name: 'origin', plugin: archive('holdfast-db') }],
    plugins: [archive('holdfast-db-2')],
  });
});

test('a restore makes the Cluster and the backups that production has from the switch on, and nothing else', async () => {
  const objects = await overlay('production-restore');
  expect(objects.map(({ kind }) => kind)).toEqual(['Cluster', 'ScheduledBackup']);
  expect(await render('restored')).toEqual(expect.arrayContaining(objects));
});

test('deleting an overlay leaves the namespace, and deleting the services leaves the data', async () => {
  const DATA = ['Namespace', 'Cluster', 'ObjectStore', 'RedisReplication', 'PersistentVolumeClaim'];
  expect(ofKind(await overlay('production'), ...DATA)).toEqual([]);
  const data = ofKind(await overlay('production-data'), ...DATA);
  expect(data.map(nameOf).sort()).toEqual([
    'holdfast-backups',
    'holdfast-cache',
    'holdfast-db',
    'holdfast-redis',
  ]);
  // The first is Argo CD's, the second is Flux's.
  for (const { metadata } of data)
    expect(Object.values(metadata.annotations)).toEqual(['Delete=false,Prune=false', 'disabled']);
});

test('KEDA means the same CPU and the same numbers of instances as the autoscalers in whose place it stands', async () => {
  const [plain, keda] = [await render('production'), await render('keda')];
  const target = { type: 'Utilization', averageUtilization: 140 };
  for (const name of SERVICE_NAMES)
    expect(specOf(plain, 'HorizontalPodAutoscaler', name)).toMatchObject({
      minReplicas: 3,
      maxReplicas: 10,
      metrics: [{ containerResource: { name: 'cpu', container: 'service', target } }],
    });
  for (const name of ['products', 'orders'])
    expect(specOf(keda, 'ScaledObject', name)).toMatchObject({
      minReplicaCount: 3,
      maxReplicaCount: 10,
      triggers: [
        { type: 'cpu', metadata: { containerName: 'service', value: '140' } },
        { type: 'prometheus' },
      ],
    });
  expect(ofKind(keda, 'HorizontalPodAutoscaler').map(nameOf).sort()).toEqual(['gateway', 'users']);
});

test('ten instances of each, while one more is rolled in, find room for their connections', async () => {
  const objects = await render('production');
  const numbers = (kind: string, name: string, key: string) => {
    const [, part] = [...within(specOf(objects, kind, name))].find(([, one]) => key in one) ?? [];
    return Number(part?.[key]);
  };
  const sum = (way: ConnectionBudget['way']) =>
    SERVICES.reduce((total, service) => {
      const { DATABASE_POOL_MAX = 10, QUEUE_CONCURRENCY = 4 } = plainSettings(objects, service);
      const budget = { poolMax: Number(DATABASE_POOL_MAX), queueConcurrency: Number(QUEUE_CONCURRENCY) };
      return total + 11 * connectionsOf(connectionBudgets(service, budget), way);
    }, 0);
  const pooler = (key: string) => numbers('Pooler', 'holdfast-db-pooler', key);
  const pooled = SERVICES.length * pooler('default_pool_size') * pooler('instances');
  // 20 are for migrations, backups, replicas and people who look into it.
  expect(pooled + sum('direct') + 20).toBeLessThanOrEqual(
    numbers('Cluster', 'holdfast-db', 'max_connections'),
  );
  // PgBouncer counts the clients of each of its instances, and one may get all of them.
  expect(sum('pooled')).toBeLessThan(pooler('max_client_conn'));
});

test('the Prometheus operator finds every PodMonitor and rule by one label, and the rules ask for jobs that there are', async () => {
  const watching = ofKind(await render('production'), 'PodMonitor', 'PrometheusRule');
  expect(
    watching.map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.labels['release']}`),
  ).toEqual([
    'PodMonitor holdfast kube-prometheus-stack',
    'PodMonitor holdfast-db kube-prometheus-stack',
    'PodMonitor holdfast-db-pooler kube-prometheus-stack',
    'PodMonitor holdfast-redis kube-prometheus-stack',
    'PrometheusRule holdfast kube-prometheus-stack',
    'PrometheusRule holdfast-stores kube-prometheus-stack',
  ]);
  const scraped = JSON.stringify(ofKind(watching, 'PodMonitor'));
  const jobs = (['services', 'stores'] as const)
    .flatMap((file) => rulesOf(file).flatMap(({ expr }) => selectorsOf(expr)))
    .flatMap(({ labels }) => labels['job'] ?? []);
  expect(new Set(jobs).size).toBe(8);
  expect(jobs.filter((job) => !scraped.includes(`"${job}"`))).toEqual([]);
});
