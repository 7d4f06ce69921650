// The life of a service process that ends during its start.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it } from '@jest/globals';

/** A service that tells that it is starting, and waits for something that never comes. @param lines how often it tells */
const program = (lines = 1, level = 'info') => `
  import { runService } from ${JSON.stringify(new URL('./service.ts', import.meta.url).href)};
  setInterval(() => undefined, 60_000);
  await runService({
    name: 'waiting',
    timeoutMs: 1_000,
    readSettings: () => ({ PORT: 0, OPS_PORT: 0, HOST: '127.0.0.1', LOG_LEVEL: '${level}', DRAIN_DELAY_MS: 60_000, REVISION: '' }),
    start: (_, log) => new Promise(() => {
      for (let line = 0; line < ${lines}; line += 1) log.info('starting');
      process.send?.('starting');
    }),
  });`;

it('handles SIGTERM during its start and exits at once', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(JSON.parse(line).msg);
    if (lines.at(-1) === 'starting') child.kill('SIGTERM');
  }
  // By a handler, because process 1 of a container is not ended by a signal without a handler.
  expect(await ended).toEqual([0, null]);
  expect(lines).toEqual(['starting', 'draining', 'ended']);
}, 20_000);

it.each([
  ['its output has no reader', program(5_000), 'SIGKILL'],
  ['it has no lines to write', program(1, 'silent'), null],
])(
  'ends when %s',
  async (_, source, signal) => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    await once(child, 'message');
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[1]).toBe(signal);
  },
  20_000,
);

it('ends with 1 when its settings cannot be used, and says what is wrong', async () => {
  const of = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const source = `
    import { runService } from ${of('./service.ts')};
    import { ConfigError } from ${of('../settings.ts')};
    await runService({ name: 'waiting', readSettings: () => { throw new ConfigError('PORT: is required'); } });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  expect([await ended, lines]).toEqual([[1, null], [expect.stringContaining('PORT: is required')]]);
}, 20_000);
