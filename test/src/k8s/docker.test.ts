// Checks compose.yaml and the stack of a Swarm without Docker: the settings, images and secrets that Docker would use.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '@holdfast/local/processes/ports';
import { ROOT } from '@holdfast/local/root';
import { makeSecrets } from '@holdfast/local/settings/k8s-secrets';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { createClient } from 'redis';
import { compose, secretPath, secretsRead, settingsOf, stack, swarm } from './docker.ts';
import { imageErrors, SERVICE_NAMES, workloadsOf } from './objects.ts';
import { render } from './render.ts';
import { settingErrors } from './settings.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-docker-'));
  await makeSecrets(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(Object.entries({ compose, swarm }))('%s', (_, file) => {
  it.each(SERVICE_NAMES)('gives %s only known settings, and all required ones', (name) => {
    const supergraph = name === 'gateway' ? { SUPERGRAPH_FILE: 'in the image' } : {};
    const image = { PORT: '4000', OPS_PORT: '4100', ...supergraph };
    expect(settingErrors(name, { ...image, ...settingsOf(file, name, folder) })).toEqual([]);
  });

  it('runs images that the Containerfile builds, and others by the digests of the local cluster', async () => {
    const images = Object.values(file.services).map(({ image }) => image);
    expect(await imageErrors(images)).toEqual([]);
    const inCluster = JSON.stringify(await render('local'));
    for (const image of images) if (image.includes('@')) expect(inCluster).toContain(`"${image}"`);
  });

  it('allows only staff to write the catalog, requires an idempotency key, and checks the final PostgreSQL server', () => {
    expect(file.services).toMatchObject({
      products: { environment: { CATALOG_WRITERS: 'staff' } },
      orders: { environment: { IDEMPOTENCY_KEY: 'required' } },
      // During the set-up PostgreSQL listens only on its socket, so the health check must use TCP.
      postgres: { healthcheck: { test: expect.arrayContaining(['--host=127.0.0.1']) } },
    });
  });
});

it('compose pulls none of our images, because anyone could publish an image of that name', () => {
  const ours = Object.values(compose.services).filter(({ image }) => image.startsWith('holdfast/'));
  for (const { build, pull_policy } of ours) expect(pull_policy).toBe(build ? 'build' : 'never');
});

it('Grafana does not accept admin:admin', () =>
  expect(compose.services['grafana']?.environment['GF_AUTH_BASIC_ENABLED']).toBe('false'));

it('the stack has the format of docker stack', async () => {
  // docker/cli's own schema (cli/compose/schema/data, of 2024-07-19, Apache-2.0) without its ids; it refuses unknown keys.
  const schema = await readFile(join(ROOT, 'test/swarm-schema/config_schema_v3.13.json'), 'utf8');
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  ajv.validate(JSON.parse(schema), stack);
  expect(ajv.errors ?? []).toEqual([]);
});

it('the stack gives each service the secrets that it reads, from generated files; SECRETS renames them all', () => {
  for (const [name, { entrypoint, environment, secrets }] of Object.entries(swarm.services)) {
    const read = secretsRead([...entrypoint, environment['SIGNING_KEYS_FILE'] ?? '']);
    expect([name, secrets.toSorted()]).toEqual([name, read.toSorted()]);
  }
  for (const [name, secret] of Object.entries(swarm.secrets)) {
    expect([secret.file, existsSync(secretPath(secret.file, folder))]).toEqual([secret.file, true]);
    expect(secret.name).toBe(`holdfast-${name}-\${SECRETS:-1}`);
  }
});

async function boundsOf(url: string) {
  const client = createClient({ url, socket: { reconnectStrategy: false } }).on('error', () => undefined);
  return await client
    .connect()
    .then(() => client.configGet('maxmemory*'))
    .finally(() => client.destroy());
}

/** Starts a Redis by a shell with these arguments, checks that it needs `password`, and reads its memory limit and policy. */
async function readRedisLimits(words: readonly string[], password: string, env: Record<string, string>) {
  const port = await findFreePort();
  const own = words.map((word) => word.replace('redis-server ', `redis-server --port ${port} `));
  const options = { env: { PATH: process.env['PATH'], ...env } };
  const child = spawn('sh', ['-c', ...own], { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  try {
    for await (const lines of child.stdout) if (String(lines).includes('Ready to accept connections')) break;
    // Every user of the machine can read the arguments of a process.
    expect(await readFile(`/proc/${child.pid}/cmdline`, 'utf8')).not.toContain(password);
    await expect(boundsOf(`redis://127.0.0.1:${port}`)).rejects.toThrow('NOAUTH');
    return await boundsOf(`redis://:${password}@127.0.0.1:${port}`);
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}

const POLICIES = { redis: 'noeviction', cache: 'allkeys-lru' };
it.each(Object.entries(POLICIES))(
  '%s needs a password and has a memory limit, in a Swarm and in the local cluster',
  async (name, policy) => {
    const bounds = { maxmemory: `${128 * 1024 * 1024}`, 'maxmemory-policy': policy };
    // The command of compose is an argument of the entrypoint of the Swarm.
    const { entrypoint: [, , script = ''] = [], command = [] } = swarm.services[name] ?? {};
    const file = secretPath(swarm.secrets[`${name}-password`]?.file ?? '', folder);
    const words = [script.replace(`/run/secrets/${name}-password`, file), ...command];
    const plain = words.map((word) => word.replaceAll('$$', '$'));
    const password = String(settingsOf(swarm, name, folder)['REDIS_PASSWORD']);
    expect(await readRedisLimits(plain, password, {})).toMatchObject(bounds);

    const inCluster = workloadsOf(await render('local')).find((workload) => workload.name === name);
    const { args = [] } = inCluster?.containers[0] ?? {};
    expect(await readRedisLimits(args, password, { REDISCLI_AUTH: password })).toMatchObject(bounds);
  },
);
