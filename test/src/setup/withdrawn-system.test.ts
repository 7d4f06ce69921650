// How a run ends for the system that its suites shared. This suite is a run of its own, with one suite that joins and leaves.
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from '@jest/globals';
import { secretsUsed, uniqueName } from '../support/client.ts';
import { joinSharedSystem } from '../support/use-system.ts';
import { offerSharedSystem, sharedSystemFacts, withdrawSharedSystem } from './shared-system.ts';

it('fails when a secret of a suite comes to the log after the suite has left, and leaves no files', async () => {
  await offerSharedSystem();
  const { logFile } = await sharedSystemFacts();
  const suite = await joinSharedSystem();
  const secret = uniqueName('secret');
  secretsUsed.add(secret);
  await suite.leave();
  secretsUsed.delete(secret);
  await (await fetch(`${suite.url}/products`, { headers: { 'x-request-id': secret } })).arrayBuffer();
  await expect(withdrawSharedSystem()).rejects.toThrow('a secret that was used stands in the log');
  expect(existsSync(dirname(logFile))).toBe(false);
});
