// Checks the manifests without a cluster: references, settings and budgets that neither a schema nor a linter checks.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SERVICES } from '@holdfast/database';
import { ROOT } from '@holdfast/local/root';
import { connectionsOf, listConnectionBudgets } from '@holdfast/local/stack/connection-budgets';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { rulesOf, selectorsOf } from '../support/rules.ts';
import { imageErrors, type Manifest, nameOf, ofKind, SERVICE_NAMES, within, workloadsOf } from './objects.ts';
import { kustomize, parseObjects, render, VARIANTS, type Variant } from './render.ts';
import { createValidator } from './schemas.ts';
import { settingErrors, settingsIn } from './settings.ts';

const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');
const overlay = (name: string): Promise<Manifest[]> => kustomize(join(ROOT, 'k8s/overlays', name));
/** The applied objects, and the Job that an operator creates. */
const allOf = async (variant: Variant): Promise<Manifest[]> => [
  ...(await render(variant)),
  ...parseObjects(await read('k8s/jobs/promote-staff.yaml')),
];

test.each(['lowest', 'newest'] as const)(
  'the %s versions in the README accept all objects',
  async (which) => {
    const all = (await Promise.all(VARIANTS.map(allOf))).flat();
    const different = new Map(all.map((object) => [JSON.stringify(object), object]));
    expect([...different.values()].flatMap(await createValidator(which))).toEqual([]);
  },
);

const text = z.string().optional();
const items = z.array(z.looseObject({ key: z.string() })).default([]);
const reference = z.looseObject({ name: text, secretName: text, key: text, items });
const REFERENCES =
  /^(secretKeyRef|secret|passwordSecret|redisSecret|accessKeyId|secretAccessKey|tls|certificateRefs)$/;

const lines = (name: string, keys: readonly string[]) => [name, ...keys.map((key) => `${name} ${key}`)];

/** The Secrets and their keys that are used, as lines: `NAME`, `NAME KEY`. */
const secretsNamedBy = (objects: readonly Manifest[]): string[] =>
  [...within(objects)].flatMap(([under, part]) => {
    const { name, secretName = name, key, items } = reference.parse(REFERENCES.test(under) ? part : {});
    const keys = [...items, { key }].flatMap((item) => item.key ?? []);
    return secretName ? lines(secretName, keys) : [];
  });

/** The existing Secrets: those that the local overlay makes, or those that k8s/README.md tells an operator to make. */
async function secretsOf(variant: Variant): Promise<string[]> {
  const made = ofKind(await render(variant), 'Secret');
  if (variant === 'local')
    return made.flatMap((one) => lines(nameOf(one), Object.keys({ ...Object(one['data']) })));
  const text = await read('k8s/README.md');
  const cluster = variant === 'restored-database' ? 'holdfast-db-2' : 'holdfast-db';
  const table = text.replace('`holdfast-db-ca`', `\`${cluster}-ca\``);
  return [...table.matchAll(/^\| `(holdfast-[\w-]+)` \| ([^|]+) \|/gm)].flatMap(([, name = '', keys = '']) =>
    lines(name, keys.match(/[\w.]+(?=`)/g) ?? []),
  );
}

describe.each(VARIANTS)('%s', (variant) => {
  test('uses only existing Secrets and keys, and every Secret', async () => {
    const [named, present] = [secretsNamedBy(await render(variant)), await secretsOf(variant)];
    expect(present).toEqual(expect.arrayContaining(named));
    expect(named).toEqual(expect.arrayContaining(present.filter((one) => !one.includes(' '))));
  });

  test('gives every service all required settings, and only known ones', async () => {
    const objects = await render(variant);
    for (const name of SERVICE_NAMES) {
      const { plain, secret } = settingsIn(objects, name);
      expect(settingErrors(name, plain, secret)).toEqual([]);
      const [container] = workloadsOf(objects).find((one) => one.name === name)?.containers ?? [];
      const ports = container?.ports.map(({ containerPort }) => `${containerPort}`);
      expect(ports).toEqual([plain['PORT'], plain['OPS_PORT']]);
    }
    expect(settingsIn(objects, 'products').plain['CATALOG_WRITERS']).toBe('staff');
    expect(settingsIn(objects, 'orders').plain['IDEMPOTENCY_KEY']).toBe('required');
    const facing = variant === 'local' ? {} : { INTROSPECTION: 'off', EXPLORER: 'off', TRUSTED_PROXIES: '1' };
    expect(settingsIn(objects, 'gateway').plain).toMatchObject(facing);
  });

  test('runs images that the Containerfile builds, all of one version, and others by a digest', async () => {
    const containers = workloadsOf(await allOf(variant)).flatMap((workload) => workload.containers);
    expect(await imageErrors(containers.map(({ image }) => image))).toEqual([]);
  });

  test('has an existing Service and port for every URL, even in Secrets', async () => {
    const objects = await render(variant);
    const open = ofKind(objects, 'Service').flatMap((service) => {
      const ports = [...within(service)].filter(([key]) => key === 'ports');
      return ports.map(([, { port }]) => `${nameOf(service)}:${port}`);
    });
    open.push(...ofKind(objects, 'Pooler').map((object) => `${nameOf(object)}:5432`));
    open.push(...ofKind(objects, 'RedisReplication').map((object) => `${nameOf(object)}-master:6379`));
    const told = (await read('k8s/README.md')).matchAll(/`((?:postgres|redis):\/\/[^`]+)`/g);
    const urls = variant === 'local' ? [] : [...told].map(([, url = '']) => url);
    for (const name of SERVICE_NAMES)
      for (const [key, url] of Object.entries(settingsIn(objects, name).plain))
        if (key.endsWith('_URL')) urls.push(url);
    expect(urls.length).toBeGreaterThan(6);
    expect(open).toEqual(expect.arrayContaining(urls.map((url) => new URL(url).host)));
  });
});

test('every rule that may leave a pod pending ignores nodes whose taints exclude the pod', async () => {
  const rules = [...within(await render('production'))].map(([, rule]) => rule);
  const strict = rules.filter((rule) => rule['whenUnsatisfiable'] === 'DoNotSchedule');
  expect(new Set(strict.map((rule) => rule['nodeTaintsPolicy']))).toEqual(new Set(['Honor']));
});

test('a restored database is the only one in use; it reads the old archive, and writes into its own folder', async () => {
  const objects = await render('restored-database');
  const serverAltDNSNames = expect.arrayContaining(['holdfast-db-pooler', 'holdfast-db-replicas']);
  const archive = (serverName: string) => ({ parameters: { serverName } });
  expect(ofKind(objects, 'Cluster')[0]?.['spec']).toMatchObject({
    externalClusters: [{ plugin: archive('holdfast-db') }],
    plugins: [archive('holdfast-db-2')],
    certificates: { serverAltDNSNames },
    postgresql: { synchronous: { number: 1, dataDurability: 'required', failoverQuorum: true } },
  });
  // The spread, the pooler, the nightly backup, the Services and the trusted authority name the cluster.
  const names =
    /"cnpg\.io\/cluster":"([^"]*)"|"cluster":{"name":"([^"]*)"}|"secretName":"(holdfast-db[\w-]*)-ca"/g;
  const named = [...JSON.stringify(objects).matchAll(names)].map(([, ...found]) => found.join(''));
  expect(new Set(named)).toEqual(new Set(['holdfast-db-2']));
  expect(objects).toEqual(expect.arrayContaining(await overlay('production-restore')));
});

test('deleting an overlay leaves the namespace, and deleting the services leaves the data', async () => {
  const KEPT = ['Namespace', 'Cluster', 'ObjectStore', 'RedisReplication', 'PersistentVolumeClaim'];
  expect(ofKind(await overlay('production'), ...KEPT)).toEqual([]);
  const data = ofKind(await overlay('production-data'), ...KEPT);
  const kinds = data.map(({ kind }) => kind).sort();
  expect(kinds.join()).toBe('Cluster,ObjectStore,RedisReplication,RedisReplication');
  // Argo CD reads the first annotation, Flux the second one.
  for (const { metadata } of data)
    expect(Object.values(metadata.annotations)).toEqual(['Delete=false,Prune=false', 'disabled']);
});

test('KEDA scales at the same CPU as the autoscalers that it replaces', async () => {
  const values = async (variant: Variant, pattern: RegExp) =>
    new Set([...JSON.stringify(await render(variant)).matchAll(pattern)].map(([, value]) => value));
  const plain = await values('production', /"averageUtilization":(\d+)/g);
  expect(await values('queue-autoscaling', /"containerName":"service","value":"(\d+)"/g)).toEqual(plain);
});

test('ten instances of each service, and one more during a roll-out, have enough connections', async () => {
  const objects = await render('production');
  const number = (kind: string, key: string) =>
    Number(new RegExp(`"${key}":"?(\\d+)`).exec(JSON.stringify(ofKind(objects, kind)))?.[1]);
  const sum = (way: 'pooled' | 'direct') =>
    SERVICES.reduce((total, service) => {
      const { DATABASE_POOL_MAX = 10, QUEUE_CONCURRENCY = 4 } = settingsIn(objects, service).plain;
      const budget = { poolMax: Number(DATABASE_POOL_MAX), queueConcurrency: Number(QUEUE_CONCURRENCY) };
      return total + 11 * connectionsOf(listConnectionBudgets(service, budget), way);
    }, 0);
  const pooled = SERVICES.length * number('Pooler', 'default_pool_size') * number('Pooler', 'instances');
  // 20 are for migrations, backups, replicas and people who look into it.
  expect(pooled + sum('direct') + 20).toBeLessThanOrEqual(number('Cluster', 'max_connections'));
  // PgBouncer limits the clients of each of its instances, and one instance may get all of them.
  expect(sum('pooled')).toBeLessThan(number('Pooler', 'max_client_conn'));
});

test('the rules select only jobs that Prometheus scrapes', async () => {
  const scraped = JSON.stringify(ofKind(await render('production'), 'PodMonitor'));
  const rules = [...rulesOf('services'), ...rulesOf('stores')];
  const jobs = rules.flatMap(({ expr }) => selectorsOf(expr)).flatMap(({ labels }) => labels['job'] ?? []);
  expect(jobs.filter((job) => !scraped.includes(`"${job}"`))).toEqual([]);
});
