// What a line of the log is: bounded, and still readable.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const LOG = JSON.stringify(new URL('./log.ts', import.meta.url).href);

/** The lines that a program logs: a process of its own, because a logger writes to the standard output. */
async function linesOf(program: string): Promise<string[]> {
  const code = `import { createLogger } from ${LOG}; const log = createLogger('test'); ${program}`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
    maxBuffer: 64_000_000,
  });
  return stdout.split('\n').filter((line) => line !== '');
}

it('has an end, however long the texts in it are: members, the message, errors and what they are caused by', async () => {
  const lines = await linesOf(`
    const long = 'x'.repeat(1_000_000);
    const fault = () => new Error(long, { cause: new TypeError(long) });
    log.info({ path: long, operation: long, reason: long, requestId: 'r-1' }, 'request');
    log.warn(long);
    log.warn({ console: true }, long);
    log.error({ err: fault(), field: long }, 'a field failed');
    log.error({ err: { message: long } }, 'a reply of a subgraph');
    log.error(fault());`);
  expect(lines.length).toBe(6);
  for (const line of lines) expect(line.length).toBeLessThan(10_000);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    path: expect.stringMatching(/^x{199}…$/),
    operation: expect.stringMatching(/^x{99}…$/),
    reason: expect.stringMatching(/^x{999}…$/),
    requestId: 'r-1',
    msg: 'request',
  });
});

it('keeps what can be read: short texts as they are, and of an error where it was thrown', async () => {
  const [line = ''] = await linesOf(`
    function place() { throw new RangeError('$& is ' + 'x'.repeat(5_000)); }
    try { place(); } catch (err) { log.error({ err, n: 1, list: ['a'] }, 'it failed'); }`);
  const { err, ...rest } = JSON.parse(line);
  expect(rest).toMatchObject({ level: 'error', service: 'test', n: 1, list: ['a'], msg: 'it failed' });
  expect(err.type).toBe('RangeError');
  expect(err.message).toMatch(/^\$& is x{993}…$/);
  expect(err.stack).toMatch(/^RangeError: \$& is x{993}…\n +at place/);
});
