// The lines of the log: limited in length, and readable.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const LOG = JSON.stringify(new URL('./log.ts', import.meta.url).href);

/** The lines that a program logs: a process of its own, because a logger writes to the standard output. */
async function linesOf(program: string): Promise<string[]> {
  const code = `import { createLogger, createRequestLog } from ${LOG}; const log = createLogger('test'); ${program}`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
    maxBuffer: 64_000_000,
  });
  return stdout.split('\n').filter((line) => line !== '');
}

it('has a limited length for texts of any length: members, the message, errors and their causes', async () => {
  const lines = await linesOf(`
    const long = 'x'.repeat(1_000_000);
    const error = () => new Error(long, { cause: new TypeError(long) });
    createRequestLog(log)({ requestId: 'r-1', path: long, operation: long, code: long });
    log.info({ reason: long, password: 'secret' }, 'members');
    log.warn(long);
    log.warn({ console: true }, long);
    log.error({ err: error(), field: long }, 'a field failed');
    log.error({ err: { message: long } }, 'a reply of a subgraph');
    log.error(error());`);
  expect(lines.length).toBe(7);
  for (const line of lines) expect(line.length).toBeLessThan(10_000);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    path: expect.stringMatching(/^x{199}…$/),
    operation: expect.stringMatching(/^x{99}…$/),
    code: expect.stringMatching(/^x{99}…$/),
    requestId: 'r-1',
    msg: 'request',
  });
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({
    reason: expect.stringMatching(/^x{999}…$/),
    password: '[redacted]',
  });
});

it('keeps short texts unchanged, and the place where an error was thrown', async () => {
  const [line = ''] = await linesOf(`
    function place() { throw new RangeError('$& is ' + 'x'.repeat(5_000)); }
    try { place(); } catch (err) { log.error({ err, n: 1, list: ['a'] }, 'it failed'); }`);
  const { err, ...rest } = JSON.parse(line);
  expect(rest).toMatchObject({ level: 'error', service: 'test', n: 1, list: ['a'], msg: 'it failed' });
  expect(err.type).toBe('RangeError');
  expect(err.message).toMatch(/^\$& is x{993}…$/);
  expect(err.stack).toMatch(/^RangeError: \$& is x{993}…\n +at place/);
});

it.each([
  ['ends by itself', ''],
  ['exits once the last line is written', 'await endProcess(0);'],
  ['exits at once', 'process.exit();'],
  [
    'exits after an error',
    "log.fatal('the service ends because of an error'); process.exitCode = 0; process.exit();",
  ],
])('loses no line of a process that %s', async (_, end) => {
  const lines = await linesOf(`
    const { endProcess } = await import(${LOG});
    for (let n = 0; n < 5_000; n += 1) {
      log.info({ n, path: '/products/' + n }, 'request');
      if (n % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    ${end}`);
  const numbers = lines.map((line) => JSON.parse(line).n).filter((n) => n !== undefined);
  expect(numbers.length).toBe(5_000);
  expect(new Set(numbers).size).toBe(5_000);
});

it('lets a process end after an error when its lines have no reader any more', async () => {
  const code = `import { createLogger, endProcess } from ${LOG};
    process.once('message', () => { createLogger('test').fatal('an error'); void endProcess(3); });
    process.send('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  try {
    await once(child, 'message');
    child.stdout?.destroy();
    const ended = once(child, 'exit');
    child.send('end');
    expect(await ended).toEqual([3, null]);
  } finally {
    child.kill('SIGKILL');
  }
}, 20_000);

it('writes a single line soon', async () => {
  const code = `import { createLogger } from ${LOG}; createLogger('test').info('one'); setInterval(() => undefined, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    // The process goes on, so that it is not its end that writes the line.
    const [chunk] = await once(child.stdout, 'data');
    expect(JSON.parse(String(chunk)).msg).toBe('one');
  } finally {
    child.kill();
  }
});

it('removes the values of secrets at the top and one level below', async () => {
  const [line = ''] = await linesOf(
    "log.info({ token: 't', login: { username: 'ada', password: 'p' }, list: [{ token: 'deep' }], n: 1 }, 'a line');",
  );
  expect(JSON.parse(line)).toMatchObject({
    token: '[redacted]',
    login: { username: 'ada', password: '[redacted]' },
    n: 1,
    msg: 'a line',
  });
});
