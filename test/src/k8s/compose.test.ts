// compose.yaml, without Docker: everything that it names is there, and every setting is one that its service knows.
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSecrets } from '@holdfast/scripts/k8s-secrets';
import { ROOT } from '@holdfast/scripts/settings';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { composeOf, placeOf, settingsIn } from './docker-files.ts';
import { SERVICE_NAMES } from './objects.ts';
import { faultsOfService } from './settings.ts';

const OURS = ['migrations', 'signing-keys', ...SERVICE_NAMES];

const list = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());
const dependency = z.object({ condition: z.string() });
type Dependency = z.infer<typeof dependency>;
const started = (name: string): [string, Dependency] => [name, { condition: 'service_started' }];
const compose = z.strictObject({
  name: z.string(),
  services: z.record(
    z.string(),
    z.looseObject({
      image: z.string(),
      pull_policy: z.string().optional(),
      healthcheck: z.object({ test: z.array(z.string()) }).optional(),
      build: z.object({ context: z.string(), dockerfile: z.string(), target: z.string() }).optional(),
      env_file: list.default([]),
      environment: z.record(z.string(), z.string()).default({}),
      volumes: z.array(z.string()).default([]),
      configs: z.array(z.object({ source: z.string(), target: z.string() })).default([]),
      secrets: z.array(z.string()).default([]),
      depends_on: z
        .union([
          z.array(z.string()).transform((names) => names.map(started)),
          z.record(z.string(), dependency).transform(Object.entries<Dependency>),
        ])
        .default([]),
    }),
  ),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
  volumes: z.record(z.string(), z.unknown()),
  configs: z.record(z.string(), z.object({ content: z.string() })),
  'x-service': z.unknown(),
});

const { services, secrets, volumes, configs } = compose.parse(composeOf('compose.yaml'));
const everyService = Object.entries(services);

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-compose-'));
  await makeSecrets(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('compose.yaml', () => {
  it('mounts and reads files that exist', () => {
    const named = everyService.flatMap(([, { env_file, volumes: mounts, build }]) => [
      ...env_file,
      ...mounts.map((mount) => mount.split(':')[0] ?? '').filter((source) => source.startsWith('.')),
      ...(build ? [build.dockerfile] : []),
    ]);
    const all = [...named, ...Object.values(secrets).map(({ file }) => file)];
    expect(all.length).toBeGreaterThan(10);
    expect(all.filter((path) => !existsSync(placeOf(path, folder)))).toEqual([]);
  });

  it('names volumes, configs, secrets and services that it defines', () => {
    for (const [name, service] of everyService) {
      const mounted = service.volumes.map((mount) => mount.split(':')[0] ?? '');
      const defined: [string[], object][] = [
        [mounted.filter((source) => !source.startsWith('.')), volumes],
        [service.configs.map(({ source }) => source), configs],
        [service.secrets, secrets],
        [service.depends_on.map(([other]) => other), services],
      ];
      for (const [names, where] of defined)
        expect([name, names.filter((one) => !(one in where))]).toEqual([name, []]);
    }
  });

  it('pins every image: what it builds by a target of the Containerfile, the others by a version and its digest', async () => {
    const containerfile = await readFile(join(ROOT, 'Containerfile'), 'utf8');
    for (const [name, { image, build }] of everyService) {
      if (build) expect(containerfile).toContain(` AS ${build.target}\n`);
      const pinned = OURS.includes(name)
        ? /^holdfast\/\w+:compose$/
        : /:v?\d+\.\d+(\.\d+)?(-\w+)?@sha256:[0-9a-f]{64}$/;
      expect([name, pinned.test(image)]).toEqual([name, true]);
    }
  });

  it('runs the images of PostgreSQL, Redis, Prometheus and Grafana that the local cluster runs', async () => {
    const files = globSync('k8s/components/{postgres,redis,prometheus-grafana}/*.yaml', { cwd: ROOT });
    const texts = await Promise.all(files.map((file) => readFile(join(ROOT, file), 'utf8')));
    const inCluster = texts.flatMap((text) =>
      [...text.matchAll(/^ +image: (\S+)$/gm)].map(([, image]) => image),
    );
    const here = everyService.filter(([name]) => !OURS.includes(name)).map(([, { image }]) => image);
    expect(new Set(inCluster)).toEqual(new Set(here));
  });

  it('asks no registry for what it builds: whoever has the name there could put anything in its place', () => {
    for (const name of OURS) {
      const { build, pull_policy } = services[name] ?? {};
      expect([name, pull_policy]).toEqual([name, build ? 'build' : 'never']);
    }
  });

  it('is up when every service is ready and what runs to its end has done so: docker compose up --wait', () => {
    for (const name of SERVICE_NAMES)
      expect(services[name]?.healthcheck?.test).toEqual(['CMD', 'node', '/app/platform/src/health-check.js']);
    // What ends counts as failed, unless another service waits for its success.
    const waitedFor = everyService
      .flatMap(([, { depends_on }]) => depends_on)
      .filter(([, { condition }]) => condition === 'service_completed_successfully');
    expect(new Set(waitedFor.map(([name]) => name))).toEqual(new Set(['migrations', 'signing-keys']));
  });

  it('waits for the PostgreSQL that is there to stay, which listens on TCP', () => {
    expect(services['postgres']?.healthcheck?.test).toContain('--host=127.0.0.1');
  });

  it('lets nobody sign in to Grafana, here and in the cluster', async () => {
    const cluster = await readFile(join(ROOT, 'k8s/components/prometheus-grafana/grafana.yaml'), 'utf8');
    for (const [setting, value] of [
      ['GF_AUTH_DISABLE_LOGIN_FORM', 'true'],
      ['GF_AUTH_BASIC_ENABLED', 'false'],
    ] as const) {
      expect(services['grafana']?.environment[setting]).toBe(value);
      expect(cluster).toContain(`{ name: ${setting}, value: "${value}" }`);
    }
  });

  it('gives each of our services settings that it knows, and all that it needs', () => {
    for (const name of SERVICE_NAMES) {
      const service = services[name];
      const given = settingsIn((service?.env_file ?? []).map((file) => placeOf(file, folder)));
      const defaults = { PORT: '4000', OPS_PORT: '4100', SUPERGRAPH_FILE: 'in the image' };
      const image = name === 'gateway' ? defaults : { PORT: '4001', OPS_PORT: '4101' };
      const all = z.record(z.string(), z.string()).parse({ ...image, ...given, ...service?.environment });
      expect(faultsOfService(name, all)).toEqual([]);
    }
  });

  it('lets staff only write the catalogue', () => {
    expect(services['products']?.environment['CATALOG_WRITERS']).toBe('staff');
  });

  it('takes no order without a key: sent twice, it would be two', () => {
    expect(services['orders']?.environment['IDEMPOTENCY_KEY']).toBe('required');
  });

  it('gives Grafana the dashboards, and Prometheus the rules and every service by its ops port', async () => {
    expect(services['grafana']?.volumes[0]).toMatch(/^\.\/k8s\/components\/dashboards:/);
    expect(
      (await readdir(join(ROOT, 'k8s/components/dashboards'))).filter((file) => file.endsWith('.json')),
    ).toHaveLength(3);
    const jobs = z
      .object({
        scrape_configs: z.array(
          z.object({
            job_name: z.string(),
            static_configs: z.array(z.object({ targets: z.array(z.string()) })),
          }),
        ),
      })
      .parse(parse(configs['prometheus']?.content ?? ''));
    const scraped = jobs.scrape_configs.map(({ job_name, static_configs }) => [job_name, static_configs]);
    expect(scraped).toEqual([
      ['gateway', [{ targets: ['gateway:4100'] }]],
      ['users', [{ targets: ['users:4101'] }]],
      ['products', [{ targets: ['products:4102'] }]],
      ['orders', [{ targets: ['orders:4103'] }]],
    ]);
  });
});
