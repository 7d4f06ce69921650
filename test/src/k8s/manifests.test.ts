// The manifests as a cluster would get them, checked without one: what neither an API server nor a linter can know.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
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

/** What is applied, and the Job that a person creates. */
const allOf = async (variant: Variant): Promise<KubernetesObject[]> => [
  ...(await render(variant)),
  ...parseObjects(await read('k8s/jobs/promote-staff.yaml')),
];

test('restoring makes objects that the operators take, too', async () => {
  const objects = await kustomize(join(ROOT, 'k8s/overlays/production-restore'));
  expect(objects.map((object) => `${object.kind} ${nameOf(object)}`)).toEqual([
    'Cluster holdfast-db-2',
    'ScheduledBackup holdfast-db-2-nightly',
  ]);
  // The same that production has from the switch on, so that applying production then changes nothing of it.
  expect(await render('restored')).toEqual(expect.arrayContaining(objects));
});

test('a restored database reads the archive of the old one, and writes into a folder of its own', async () => {
  const plugin = (serverName: string) => ({
    parameters: { barmanObjectName: 'holdfast-backups', serverName },
  });
  expect(specOf(await render('production'), 'Cluster', 'holdfast-db')).toMatchObject({
    plugins: [plugin('holdfast-db')],
  });
  expect(specOf(await render('restored'), 'Cluster', 'holdfast-db-2')).toMatchObject({
    bootstrap: { recovery: { source: 'origin' } },
    externalClusters: [{ name: 'origin', plugin: plugin('holdfast-db') }],
    plugins: [plugin('holdfast-db-2')],
  });
});

const secretReference = z.looseObject({
  name: z.string().optional(),
  secretName: z.string().optional(),
  key: z.string().optional(),
  items: z.array(z.looseObject({ key: z.string() })).default([]),
});
const SECRET_KEYS =
  /^(secretKeyRef|secret|passwordSecret|redisSecret|accessKeyId|secretAccessKey|tls|certificateRefs)$/;

/** `NAME` or `NAME KEY` of every Secret that an object refers to. */
const secretsNamedBy = (objects: readonly KubernetesObject[]): string[] =>
  [...within(objects)].flatMap(([under, part]) => {
    const { name, secretName, key, items } = secretReference.parse(SECRET_KEYS.test(under) ? part : {});
    const secret = secretName ?? name;
    if (secret === undefined) return [];
    return [
      secret,
      ...[key, ...items.map((item) => item.key)].flatMap((one) => (one ? [`${secret} ${one}`] : [])),
    ];
  });

/** The same of the Secrets that there are: those that the overlay makes, or that k8s/README.md says to make. */
async function secretsOf(variant: Variant): Promise<string[]> {
  const made = ofKind(await render(variant), 'Secret').map((object): [string, string[]] => [
    nameOf(object),
    Object.keys(z.looseObject({ data: z.record(z.string(), z.string()) }).parse(object).data),
  ]);
  const rows = [...(await read('k8s/README.md')).matchAll(/^\| `(holdfast-[\w-]+)` \| ([^|]+) \|/gm)];
  const told = rows.map(([, name = '', keys = '']): [string, string[]] => [
    variant === 'restored' ? name.replace(/^holdfast-db-ca$/, 'holdfast-db-2-ca') : name,
    [...keys.matchAll(/`([^`]+)`/g)].map(([, key = '']) => key),
  ]);
  return (variant === 'local' ? made : told).flatMap(([name, keys]) => [
    name,
    ...keys.map((key) => `${name} ${key}`),
  ]);
}

test.each(['lowest', 'newest'] as const)(
  'all is taken by the %s versions that the README states',
  async (which) => {
    const all = await Promise.all(VARIANTS.map(allOf));
    const validate = await createValidator(which);
    const different = new Map(all.flat().map((object) => [JSON.stringify(object), object]));
    expect([...different.values()].flatMap(validate)).toEqual([]);
  },
  60_000,
);

describe.each(VARIANTS)('%s', (variant) => {
  test('names the Secrets and keys that there are, and each of them', async () => {
    const [named, present] = [secretsNamedBy(await render(variant)), await secretsOf(variant)];
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((one) => !present.includes(one) && one !== 'holdfast-smtp')).toEqual([]);
    const whole = present.filter((one) => named.includes(one) || !one.includes(' '));
    expect(whole.filter((one) => !named.includes(one))).toEqual([]);
  });

  test('has every ConfigMap that a pod names, by a name that changes with its content', async () => {
    const objects = await render(variant);
    const made = ofKind(objects, 'ConfigMap').map(nameOf);
    const named = [...within(objects)]
      .filter(([key]) => /^configMap(Ref|KeyRef)?$/.test(key))
      .map(([, { name }]) => name);
    expect(made).toEqual(expect.arrayContaining(named));
    for (const service of SERVICE_NAMES)
      expect(named).toContainEqual(expect.stringMatching(new RegExp(`^${service}-settings-[a-z0-9]{10}$`)));
  });

  test('gives every service the settings that it needs, and none that it does not know', async () => {
    const objects = await allOf(variant);
    expect(settingFaults(objects)).toEqual([]);
    const [gateway, products, orders] = (['gateway', 'products', 'orders'] as const).map((name) =>
      plainSettings(objects, name),
    );
    expect(products).toMatchObject({ CATALOG_WRITERS: 'staff' });
    expect(orders).toMatchObject({ IDEMPOTENCY_KEY: 'required' });
    if (variant !== 'local')
      expect(gateway).toMatchObject({
        INTROSPECTION: 'off',
        EXPLORER: 'off',
        TRUSTED_PROXIES: '1',
        CORS_ORIGINS: '',
      });
    for (const setting of ['JWT_ISSUER', 'JWT_AUDIENCE'])
      expect(new Set(SERVICE_NAMES.map((name) => plainSettings(objects, name)[setting])).size).toBe(1);
  });

  test('runs images that the Containerfile builds, or of a version of others, ours all of one', async () => {
    const images = workloadsOf(await allOf(variant)).flatMap(({ containers }) =>
      containers.map(({ image }) => image),
    );
    const ours = images.filter((image) => image.startsWith('holdfast/')).map((image) => image.split(/[/:]/));
    const containerfile = await read('Containerfile');
    for (const [, target] of ours) expect(containerfile).toMatch(new RegExp(`^FROM .* AS ${target}$`, 'm'));
    expect(new Set(ours.map(([, , version]) => version)).size).toBe(1);
    expect(images.filter((image) => !/:v?\d[\w.-]*$/.test(image))).toEqual([]);
  });

  test('leads every URL to a Service and a port that are there', async () => {
    const objects = await render(variant);
    const services = ofKind(objects, 'Service').flatMap((service) =>
      [...within(service)]
        .filter(([key]) => key === 'ports')
        .map(([, { port }]) => `${nameOf(service)}:${port}`),
    );
    const byOperators = [
      ...ofKind(objects, 'Pooler').map((object) => `${nameOf(object)}:5432`),
      ...ofKind(objects, 'RedisReplication').map((object) => `${nameOf(object)}-master:6379`),
    ];
    const told = [...(await read('k8s/README.md')).matchAll(/`((?:postgres|redis):\/\/[^`]+)`/g)].map(
      ([, url = '']) => url,
    );
    const urls = SERVICE_NAMES.flatMap((name) =>
      Object.entries(plainSettings(objects, name)).flatMap(([key, url]) =>
        key.endsWith('_URL') ? [url] : [],
      ),
    );
    expect([told.length, urls.length]).toEqual([4, 7]);
    for (const url of variant === 'local' ? urls : [...urls, ...told])
      expect([...services, ...byOperators]).toContain(new URL(url).host);
  });
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
