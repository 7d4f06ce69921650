// A program under a guard ends with the process that started it, together with its own children.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isPresent } from '../files.ts';
import { spawnGuarded } from './guarded-process.js';
import { isRunning, waitUntilGone } from './processes.js';

/** Ignores every signal but SIGKILL, and has a child that does the same. Writes both pids to the file $1, in one line. */
const STUBBORN =
  'trap "" TERM INT HUP; (while :; do sleep 1; done) & echo $$ $! >"$1.new"; mv "$1.new" "$1"; wait';
const ENDING = [
  ['SIGTERM', 100],
  ['SIGKILL', 5_000],
] as const;

let folder: string;
let pidFile: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-guard-'));
  pidFile = join(folder, 'pids');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function waitForStubbornPids(): Promise<number[]> {
  while (!(await isPresent(pidFile))) await sleep(10);
  const pids = (await readFile(pidFile, 'utf8')).trim().split(' ').map(Number);
  expect(await Promise.all(pids.map(isRunning))).toEqual([true, true]);
  return pids;
}

/** Starts a process that has a guarded program. */
async function startParent(): Promise<ChildProcess> {
  const script = join(folder, 'parent.mjs');
  const module = new URL('./guarded-process.js', import.meta.url).href;
  const args = ['-c', STUBBORN, 'sh', pidFile];
  await writeFile(
    script,
    `import { spawnGuarded } from ${JSON.stringify(module)};
     const program = spawnGuarded('sh', ${JSON.stringify(args)}, { ending: ${JSON.stringify(ENDING)} });
     for (const stream of program.output) stream.resume();
     process.on('message', (how) => how === 'exit' ? process.exit(0) : program.end());
     await program.ended;
     process.exit(0);`,
  );
  return fork(script, [], { execArgv: [] });
}

test('the caller gets its exit code and its output', async () => {
  const program = spawnGuarded('sh', ['-c', 'echo out; echo err >&2; exit 7']);
  const output = ['', ''];
  for (const [index, stream] of program.output.entries())
    stream.on('data', (chunk) => {
      output[index] += chunk;
    });
  expect(await program.ended).toEqual({ code: 7, signal: null, failure: undefined });
  expect(output).toEqual(['out\n', 'err\n']);

  const killed = spawnGuarded('sh', ['-c', 'kill -KILL $$'], { show: true });
  expect(await killed.ended).toMatchObject({ code: null, signal: 'SIGKILL' });
});

test('the reason is given when it cannot be started', async () => {
  const program = spawnGuarded(join(folder, 'absent'), [], { show: true });
  expect(await program.pid).toBeUndefined();
  expect((await program.ended).failure).toMatch(/ENOENT/);
});

test.each(['SIGKILL', 'SIGTERM', 'SIGINT', 'exit', 'end'] as const)(
  'it ends with its children, even when they ignore signals, after %s of its parent',
  async (how) => {
    const parent = await startParent();
    const pids = await waitForStubbornPids();
    if (how === 'exit' || how === 'end') parent.send(how);
    else parent.kill(how);
    await once(parent, 'exit');
    expect(await waitUntilGone(pids, 60_000)).toBe(true);
  },
  120_000,
);

test('it ends with its children although its parent ended before the guard could report the pid', async () => {
  const closed = join(folder, 'closed');
  const slowSend = `import { existsSync } from 'node:fs';
    const send = process.send.bind(process);
    process.send = (...message) => {
      while (!existsSync(${JSON.stringify(closed)}));
      return send(...message);
    };`;
  const command = { command: 'sh', args: ['-c', STUBBORN, 'sh', pidFile], account: {}, ending: ENDING };
  const execArgv = ['--import', `data:text/javascript,${encodeURIComponent(slowSend)}`];
  const guard = fork(new URL('./guard.js', import.meta.url), [JSON.stringify(command)], { execArgv });
  const pids = await waitForStubbornPids();
  guard.disconnect();
  await writeFile(closed, '');
  expect(await waitUntilGone(pids, 60_000)).toBe(true);
}, 120_000);

test('its end is reported only when all its processes have ended', async () => {
  const program = spawnGuarded('sh', ['-c', STUBBORN, 'sh', pidFile], { ending: ENDING });
  for (const stream of program.output) stream.resume();
  const pids = await waitForStubbornPids();
  expect(await program.pid).toBe(pids[0]);
  program.end();
  expect((await program.ended).code).not.toBe(0);
  expect(await Promise.all(pids.map(isRunning))).toEqual([false, false]);
});
