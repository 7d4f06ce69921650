// The system that suites share, as a suite sees it, and how a run ends for it.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { expect, it } from '@jest/globals';
import { secretsUsed, uniqueName } from '../support/client.ts';
import { readLogsSoFar } from '../support/logs-so-far.ts';
import { refuseBadLog } from '../support/running-system.ts';
import { joinSharedSystem, useSharedSystem } from '../support/use-system.ts';
import { offerSharedSystem, readSharedSystemFacts, withdrawSharedSystem } from './shared-system.ts';

const system = useSharedSystem();

it('is the same for every suite', async () => {
  const others = await Promise.all([readSharedSystemFacts(), readSharedSystemFacts()]);
  for (const { urls, pids } of others) {
    expect(urls.gateway).toBe(system.url);
    expect(pids.gateway).toBe(system.pid('gateway'));
  }
});

it('shows a suite the log lines that it caused, and fails a suite when one of its secrets stands in the log', async () => {
  const id = uniqueName('secret');
  await (await fetch(`${system.url}/products`, { headers: { 'x-request-id': id } })).arrayBuffer();
  expect((await readLogsSoFar(system)).some((line) => line.includes(id))).toBe(true);
  expect(() => refuseBadLog(system.logs())).not.toThrow();
  secretsUsed.add(id);
  expect(() => refuseBadLog(system.logs())).toThrow('the log contains a secret that a test used');
  secretsUsed.delete(id);
});

it('ends the processes of a suite that leaves, fails the run when a secret of the suite is logged later, and leaves no files', async () => {
  let log = (_: string): void => undefined;
  const lines: string[] = [];
  const calls: unknown[] = [];
  const services = createServer((request, response) => {
    log(JSON.stringify(request.headers));
    response.end();
  });
  await new Promise<void>((resolve) => services.listen(0, '127.0.0.1', resolve));
  const address = services.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const urls = { gateway: url, users: url, products: url, orders: url };
  const { signingKey, serviceKeys } = system;
  const environment = { ...process.env };
  // This process has a run of its own, with one suite that joins and leaves, and a program in the place of the services.
  await offerSharedSystem(async ({ onLogLine }) => {
    log = (line) => {
      lines.push(line);
      onLogLine?.(line);
    };
    log('ready');
    return {
      ...{ urls, opsUrls: urls, adminUrl: '', signingKey, issuer: '', audience: '', serviceKeys },
      pid: () => undefined,
      another: async (service, env) => {
        calls.push({ service, env });
        const stop = async () => void calls.push('stop');
        return { url, opsUrl: (path) => url + path, pid: () => 1, stop, kill: stop, restart: stop };
      },
      logs: () => lines,
      stop: async () => void services.close(),
    };
  });
  const { logFile } = await readSharedSystemFacts();
  services.unref();
  const suite = await joinSharedSystem();
  const secret = uniqueName('secret');
  secretsUsed.add(secret);
  const instance = await suite.another('gateway', { EXPLORER: 'off' });
  expect([instance.url, instance.opsUrl('/readyz'), instance.pid()]).toEqual([url, `${url}/readyz`, 1]);
  await suite.leave();
  expect(calls).toEqual([{ service: 'gateway', env: { EXPLORER: 'off' } }, 'stop']);
  secretsUsed.delete(secret);
  await (await fetch(`${suite.url}/products`, { headers: { 'x-request-id': secret } })).arrayBuffer();
  await expect(withdrawSharedSystem()).rejects.toThrow('the log contains a secret that a test used');
  expect(existsSync(dirname(logFile))).toBe(false);
  // The suite itself still belongs to the run of Jest.
  Object.assign(process.env, environment);
});
