// Where secrets must not be: command lines, which every user of a machine can read, logs, metrics, and replies.
import { readdir, readFile, stat } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Client, secretsUsed } from '../support/client.ts';
import { logsSoFar } from '../support/logs-so-far.ts';
import { useSystem } from '../support/use-system.ts';

const PROCESSES = ['gateway', 'users', 'products', 'orders'] as const;

const system = useSystem({ ownPostgres: true });
let secrets: string[];

beforeAll(async () => {
  const client = await Client.of(system.url);
  const { token } = await client.account();
  await client.product(token);
  secrets = [...secretsUsed, ...system.databasePasswords, system.signingKey.d ?? ''];
}, 60_000);

const expectNone = (where: string, text: string) => {
  for (const [index, secret] of secrets.entries())
    expect({ where, index, found: text.includes(secret) }).toEqual({ where, index, found: false });
};

describe('a secret', () => {
  it('stands in no command line of any process', async () => {
    expect(secrets.every((secret) => secret.length > 10)).toBe(true);
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const lines = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
    );
    // The system's own must be among them, or this has looked at nothing.
    for (const name of PROCESSES) expect(pids).toContain(String(system.pid(name)));
    for (const line of lines) expectNone(line.split('\0').slice(0, 3).join(' '), line);
  });

  it('stands in no log line, in no metric and in nothing that is published', async () => {
    expectNone('the log', (await logsSoFar(system)).join('\n'));
    for (const name of PROCESSES) {
      for (const path of ['/metrics', '/readyz', '/livez']) {
        expectNone(`${name}${path}`, await (await fetch(system.opsUrl(name, path))).text());
      }
    }
    for (const path of ['/', '/openapi.json', '/docs', '/.well-known/jwks.json'])
      expectNone(path, await (await fetch(system.url + path)).text());
  });

  it('lies in files that only their owner can read', async () => {
    const files = await system.secretFiles();
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const file of files) expect([file, (await stat(file)).mode & 0o077]).toEqual([file, 0]);
  });
});
