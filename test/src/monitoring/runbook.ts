// The commands of a runbook, on the log of a running system.
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@holdfast/local/root';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readLogsSoFar } from '../support/logs-so-far.ts';
import { client, system } from './watched-shop.ts';

describe('the runbook of LoginFailuresSpike', () => {
  const GUESSER = '198.51.100.23';
  const FORGETFUL = '203.0.113.5';

  let file: string;

  beforeAll(() => {
    file = join(tmpdir(), `holdfast-runbook-${process.pid}.log`);
  });
  afterAll(() => rm(file, { force: true }));

  /** Runs the command of the runbook that contains `part`. The log comes from a file instead of a cluster. */
  async function answerTo(part: string): Promise<string[]> {
    const page = await readFile(join(ROOT, 'docs/operations.md'), 'utf8');
    const block = /### LoginFailuresSpike[\s\S]*?```sh[^\n]*\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const lines = block.split('\n');
    const top = lines.find((line) => line.startsWith('top()'));
    const command = lines.find((line) => line.startsWith('logs ') && line.includes(part));
    if (top === undefined || command === undefined)
      throw new Error(`the runbook has no command with ${part}`);
    const script = `logs() { grep '"service":"'"$1"'"' "$FILE"; }\n${top}\n${command}`;
    const { stdout } = await promisify(execFile)('bash', ['-euc', script], {
      env: { PATH: process.env['PATH'], FILE: file, ADDRESS: GUESSER },
    });
    return stdout.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  }

  it('lists who tries to log in, at which account, who succeeded, and the other requests of that address', async () => {
    const { id, username, password } = await client.account();
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    const wrong = { username, password: 'not-the-password' };
    for (let tries = 0; tries < 3; tries += 1)
      await client.rest('POST', '/login', { ...from(GUESSER), body: wrong });
    await client.rest('POST', '/login', { ...from(FORGETFUL), body: wrong });
    await client.graphql(
      'mutation Harmless($input: LoginInput!) { login(input: $input) { __typename } }',
      { input: wrong },
      undefined,
      from(GUESSER).headers,
    );
    await client.rest('POST', '/login', { ...from(GUESSER), body: { username, password } });
    await client.rest('GET', '/products', from(GUESSER));
    await writeFile(file, (await readLogsSoFar(system)).join('\n'));

    expect(await answerTo('"login.limited") | .address')).toEqual([`4 ${GUESSER}`, `1 ${FORGETFUL}`]);
    expect(await answerTo('"login.limited") | .subject')).toEqual([`5 user ${id}`]);
    expect(await answerTo('"login.ok"')).toEqual([`1 user ${id}`]);
    const tried = await answerTo('test(');
    expect([tried[0], tried]).toEqual([`5 ${GUESSER}`, expect.arrayContaining([`1 ${FORGETFUL}`])]);
    expect(await answerTo('.fields')).toEqual(
      expect.arrayContaining(['3 login 401', '2 login 200', '1 products 200']),
    );
  });
});
