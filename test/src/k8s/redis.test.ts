// The two of Redis, wherever the system is deployed: the counts of the limits are never evicted, the cache is another server, and
// each asks for a password. Those of compose, of a Swarm and of the local cluster are started with the arguments that they have there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@holdfast/scripts/ports';
import { ROOT } from '@holdfast/scripts/settings';
import { describe, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { stackOf } from './docker-files.ts';

const KINDS = [
  ['redis', 'noeviction'],
  ['cache', 'allkeys-lru'],
] as const;
const PASSWORD = 'of-the-test';

const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');
const documentsOf = async (path: string): Promise<unknown[]> =>
  parseAllDocuments(await read(path)).map((document) => document.toJS());

async function composeScript(name: string): Promise<string> {
  const { services } = z
    .object({ services: z.record(z.string(), z.looseObject({ command: z.unknown().optional() })) })
    .parse(parse(await read('services.yaml'), { merge: true }));
  const [script = ''] = z.array(z.string()).parse(services[name]?.command);
  return script.replaceAll('$$', '$');
}

const statefulSet = z.object({
  kind: z.literal('StatefulSet'),
  spec: z.object({
    template: z.object({
      spec: z.object({ containers: z.tuple([z.object({ args: z.tuple([z.string()]) })]) }),
    }),
  }),
});

async function clusterScript(name: string): Promise<string> {
  const documents = await documentsOf(`k8s/components/redis/${name}.yaml`);
  const found = documents.map((one) => statefulSet.safeParse(one).data).find((one) => one !== undefined);
  return found?.spec.template.spec.containers[0].args[0] ?? '';
}

/** The shell's command line of a Swarm, which reads the password from a secret: that of compose is an argument of it. */
async function startedBySwarm(name: string) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  try {
    await writeFile(join(folder, `${name}-password`), `REDIS_PASSWORD=${PASSWORD}\n`);
    const { entrypoint } = z
      .object({ entrypoint: z.tuple([z.literal('sh'), z.literal('-c'), z.string()]) })
      .parse(stackOf('swarm/stack.yaml').services[name]);
    const before = entrypoint[2].replaceAll('$$', '$').replaceAll('/run/secrets', folder);
    return await startedBy(await composeScript(name), { before });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a server that is started by `script` answers; `before` is a script that gets it as its `$0`. */
async function startedBy(script: string, { before }: { before?: string } = {}) {
  const port = await freePort();
  const own = script.replace('redis-server ', `redis-server --port ${port} `);
  const given = before === undefined ? { REDIS_PASSWORD: PASSWORD, REDISCLI_AUTH: PASSWORD } : {};
  const child = spawn('sh', ['-c', ...(before === undefined ? [] : [before]), own], {
    env: { PATH: process.env['PATH'], ...given },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  try {
    for await (const lines of child.stdout) if (String(lines).includes('Ready to accept connections')) break;
    const configuration = async (url: string) => {
      const client = createClient({ url, socket: { reconnectStrategy: false } });
      client.on('error', () => undefined);
      try {
        await client.connect();
        return await client.configGet('maxmemory*');
      } finally {
        client.destroy();
      }
    };
    await expect(configuration(`redis://127.0.0.1:${port}`)).rejects.toThrow('NOAUTH');
    expect(await readFile(`/proc/${child.pid}/cmdline`, 'utf8')).not.toContain(PASSWORD);
    return await configuration(`redis://:${PASSWORD}@127.0.0.1:${port}`);
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}

describe.each(KINDS)('%s', (name, policy) => {
  it.each([
    ['compose', async () => startedBy(await composeScript(name))],
    ['a Swarm', () => startedBySwarm(name)],
    ['the local cluster', async () => startedBy(await clusterScript(name))],
  ])(`is bounded, ${policy}, and asks for a password: in %s`, async (_, started) => {
    expect(await started()).toMatchObject({
      maxmemory: String(128 * 1024 * 1024),
      'maxmemory-policy': policy,
    });
  });

  it(`is bounded, ${policy}, and asks for a password: in production`, async () => {
    const documents = await documentsOf('k8s/overlays/production-data/redis.yaml');
    const replication = z.object({
      metadata: z.object({ name: z.literal(`holdfast-${name}`) }),
      spec: z.looseObject({}),
    });
    const [found] = documents.flatMap((one) => replication.safeParse(one).data ?? []);
    expect(found?.spec).toMatchObject({
      kubernetesConfig: { redisSecret: { name: `holdfast-${name}-password`, key: 'password' } },
      redisConfig: { dynamicConfig: ['maxmemory 512mb', `maxmemory-policy ${policy}`] },
    });
  });
});
