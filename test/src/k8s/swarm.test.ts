// The stack of a Swarm, without Docker: it is of the format that `docker stack` takes, and each service gets what it needs.
// The format is docker/cli's own schema (cli/compose/schema/data, of 2024-07-19, Apache-2.0), unknown keys refused.
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSecrets } from '@holdfast/scripts/k8s-secrets';
import { ROOT } from '@holdfast/scripts/settings';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { z } from 'zod';
import { merge, placeOf, settingsIn, stackOf } from './docker-files.ts';
import { SERVICE_NAMES } from './objects.ts';
import { faultsOfService } from './settings.ts';

const stack = z.looseObject({
  services: z.record(
    z.string(),
    z.looseObject({
      image: z.string(),
      entrypoint: z.array(z.string()),
      environment: z.record(z.string(), z.string()).default({}),
      secrets: z.array(z.string()).default([]),
      healthcheck: z.looseObject({ test: z.array(z.string()), retries: z.number() }).optional(),
      deploy: z.looseObject({ replicas: z.number().optional() }),
    }),
  ),
  secrets: z.record(z.string(), z.object({ file: z.string(), name: z.string() })),
  volumes: z.record(z.string(), z.unknown()),
  networks: z.record(
    z.string(),
    z.object({ driver: z.string(), driver_opts: z.record(z.string(), z.string()) }),
  ),
});

const written = stackOf('swarm/stack.yaml');
const { services, secrets, networks } = stack.parse(written);
const everyService = Object.entries(services);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-swarm-'));
  await makeSecrets(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The secrets whose files a process reads before it starts: by Node's option, or by the shell before it. */
const secretsRead = (entrypoint: readonly string[]): string[] =>
  [...entrypoint.join(' ').matchAll(/\/run\/secrets\/([\w-]+)/g)].flatMap(([, name]) => name ?? []);

describe('swarm/stack.yaml, after services.yaml', () => {
  // The schema is of JSON Schema's draft 4, whose `id` later drafts call otherwise; nothing refers to one.
  const schema: object = JSON.parse(
    readFileSync(join(ROOT, 'test/swarm-schema/config_schema_v3.13.json'), 'utf8'),
    (key, value) => (['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value),
  );
  const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
  const faultsOf = (file: unknown) =>
    validate(file) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);

  it('is of the format that docker stack takes', () => {
    expect(faultsOf(written)).toEqual([]);
    const withUnknownKey = merge(written, { services: { users: { pull_policy: 'build' } } });
    expect(faultsOf(withUnknownKey)).toEqual(['/services/users must NOT have additional properties']);
  });

  it('gives each service the secrets that it reads, of those that are made', () => {
    for (const [name, service] of everyService) {
      const read = secretsRead(service.entrypoint);
      if (name === 'users') read.push('keys');
      expect([name, service.secrets.toSorted()]).toEqual([name, read.toSorted()]);
    }
    const used = new Set(everyService.flatMap(([, service]) => service.secrets));
    expect(Object.keys(secrets).sort()).toEqual([...used].sort());
    for (const [name, secret] of Object.entries(secrets)) {
      expect([secret.file, existsSync(placeOf(secret.file, folder))]).toEqual([secret.file, true]);
      expect(secret.name).toBe(`holdfast-${name}-\${SECRETS:-1}`);
    }
    expect(services['users']?.environment['SIGNING_KEYS_FILE']).toBe('/run/secrets/keys');
  });

  it.each(SERVICE_NAMES)('gives %s settings that it knows, and all that it needs', (name) => {
    const { entrypoint = [], environment = {} } = services[name] ?? {};
    const files = secretsRead(entrypoint).map((secret) => placeOf(secrets[secret]?.file ?? '', folder));
    const ofTheImage = {
      PORT: '4000',
      OPS_PORT: '4100',
      ...(name === 'gateway' && { SUPERGRAPH_FILE: 'in the image' }),
    };
    const given = { ...ofTheImage, ...settingsIn(files), ...environment };
    expect(faultsOfService(name, z.record(z.string(), z.string()).parse(given))).toEqual([]);
  });

  it.each(SERVICE_NAMES)(
    'updates %s one task after the other, and takes a version back that is not ready',
    (name) => {
      expect(services[name]).toMatchObject({
        healthcheck: { test: ['CMD', 'node', '/app/platform/src/health-check.js'] },
        read_only: true,
        stop_grace_period: '30s',
        deploy: {
          replicas: 2,
          update_config: { order: 'start-first', parallelism: 1, failure_action: 'rollback' },
          resources: { limits: { memory: expect.stringMatching(/^\d+M$/) } },
        },
      });
      // Every service is in the one network, which is encrypted, because none names another.
      expect(services[name]).not.toHaveProperty('networks');
      expect(networks).toEqual({ default: { driver: 'overlay', driver_opts: { encrypted: 'true' } } });
    },
  );

  it('runs the images of one version, and the migrations once for each', () => {
    for (const name of [...SERVICE_NAMES, 'migrations'])
      expect(services[name]?.image).toBe(
        `\${REGISTRY:-holdfast}/${name}:\${VERSION:?say which version of the images}`,
      );
    expect(services['migrations']?.deploy).toMatchObject({ mode: 'replicated-job' });
  });
});
