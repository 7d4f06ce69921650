// The system that suites share, as one of them sees it.
import { expect, it } from '@jest/globals';
import { secretsUsed, uniqueName } from '../support/client.ts';
import { logsSoFar } from '../support/logs-so-far.ts';
import { refuseBadLog } from '../support/running-system.ts';
import { useSharedSystem } from '../support/use-system.ts';
import { sharedSystemFacts } from './shared-system.ts';

const system = useSharedSystem();

it('is one and the same for every suite that asks', async () => {
  const others = await Promise.all([sharedSystemFacts(), sharedSystemFacts()]);
  for (const { urls, pids } of others) {
    expect(urls.gateway).toBe(system.url);
    expect(pids.gateway).toBe(system.pid('gateway'));
  }
});

it('shows a suite what it has caused in the log, and fails one of which a secret stands there', async () => {
  const id = uniqueName('secret');
  await (await fetch(`${system.url}/products`, { headers: { 'x-request-id': id } })).arrayBuffer();
  expect((await logsSoFar(system)).some((line) => line.includes(id))).toBe(true);
  expect(() => refuseBadLog(system.logs())).not.toThrow();
  secretsUsed.add(id);
  expect(() => refuseBadLog(system.logs())).toThrow('a secret that was used stands in the log');
  secretsUsed.delete(id);
});
