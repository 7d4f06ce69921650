// The README's sessions, as a person pastes them into a shell: twice.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@holdfast/scripts/settings';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { secretsUsed } from '../support/client.ts';
import { type System, startSystem } from '../support/system.ts';

let system: System;

beforeAll(async () => {
  // With the limits that a person meets.
  system = await startSystem({ seeded: true, env: { RATE_LIMITS: '' } });
}, 60_000);
afterAll(() => system?.stop());

const shellBlocks = (text: string): string[] =>
  [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);

/** What the commands of the two sessions write, and the method and status of each call, in order. */
async function pasteSessions(): Promise<{ calls: string[]; output: string }> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const sessions = readme.slice(readme.indexOf('## A REST session'), readme.indexOf('## More'));
  const script = [
    `curl() { command curl -w '%{stderr}%{method} %{http_code}\\n' "$@"; }`,
    ...shellBlocks(sessions).map((block) => block.replaceAll('localhost:4000', new URL(system.url).host)),
  ].join('\n');
  const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
    env: { PATH: process.env['PATH'] },
  });
  return { calls: stderr.trim().split('\n'), output: stdout };
}

describe('the sessions of the README', () => {
  it('do the same when they are pasted again', async () => {
    const first = await pasteSessions();
    secretsUsed.add('demo-password-2026');
    expect(first.calls).toEqual([
      'POST 200',
      'POST 201',
      'PATCH 200',
      'PATCH 412',
      'POST 201',
      'POST 201',
      'POST 409',
      'POST 200',
      'POST 200',
    ]);
    const second = await pasteSessions();
    expect(second.calls).toEqual(first.calls);
    for (const { output } of [first, second]) {
      const ids = [...output.matchAll(/"id":"?(\d+)"?,[^{}]*"status":"CONFIRMED"/g)].map(([, id]) => id);
      // One order sent twice by REST, and one by GraphQL.
      expect([ids.length, new Set(ids).size]).toEqual([3, 2]);
      expect(output).toContain('"current_version":2');
      expect(output).toContain('"available":1');
      expect(output).not.toContain('"errors"');
    }
  }, 60_000);

  it('can be pasted into any shell: no comment, which some shells take for a command, and no history sign', async () => {
    for (const block of shellBlocks(await readFile(join(ROOT, 'README.md'), 'utf8'))) {
      expect(block).not.toMatch(/(^|\s)#/m);
      expect(block.replaceAll(/'[^']*'/g, '')).not.toContain('!');
    }
  });
});

describe('every example', () => {
  it('that places an order sends an idempotency key', async () => {
    const pages = (await readdir(join(ROOT, 'docs'))).map((name) => `docs/${name}`);
    for (const path of ['README.md', 'k8s/README.md', ...pages]) {
      const commands = shellBlocks(await readFile(join(ROOT, path), 'utf8'))
        .flatMap((block) => block.split(/^(?=curl|[A-Z]+=)/m))
        .filter((command) => /\/orders\b[\s\S]* -d|createOrder/.test(command));
      for (const command of commands)
        expect([path, command]).toEqual([path, expect.stringMatching(/idempotency-?key/i)]);
    }
  });
});
