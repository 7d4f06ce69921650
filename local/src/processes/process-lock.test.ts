// The lock of a data directory has one owner at a time, also after an owner was killed.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findLockOwner, LockHeldError, takeLock } from './process-lock.js';

const STARTERS = 8;

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-lock-'));
  path = join(folder, 'lock');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('it is held until it is released', async () => {
  const release = await takeLock(path);
  expect(await findLockOwner(path)).toBe(process.pid);
  await expect(takeLock(path)).rejects.toThrow(LockHeldError);
  await release();
  expect(await findLockOwner(path)).toBeUndefined();
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  ['of a process that is gone', '999999999 12345\n'],
  ['of an earlier process with the same pid', `${process.pid} 1\n`],
  ['that is empty', ''],
])('a lock %s is taken over', async (_, left) => {
  await writeFile(path, left);
  const release = await takeLock(path);
  expect(await findLockOwner(path)).toBe(process.pid);
  await release();
});

test('a take-over that was killed halfway does not block the next one', async () => {
  await writeFile(path, '999999999 12345\n');
  await mkdir(`${path}.take-over`);
  await utimes(`${path}.take-over`, new Date(0), new Date(0));
  const release = await takeLock(path);
  await release();
  expect(await readdir(folder)).toEqual([]);
});

test('a lock that cannot be read is an error, and stays', async () => {
  await mkdir(path);
  await expect(takeLock(path)).rejects.toThrow('EISDIR');
  await expect(findLockOwner(path)).rejects.toThrow('EISDIR');
  expect(await readdir(folder)).toEqual(['lock']);
});

test('when several processes find a stale lock at once, exactly one takes it', async () => {
  const script = join(folder, 'starter.mjs');
  const module = new URL('./process-lock.js', import.meta.url).href;
  await writeFile(
    script,
    `import { takeLock } from ${JSON.stringify(module)};
     process.on('message', () => takeLock(${JSON.stringify(path)}).then(() => process.send('taken'), (error) => process.send(error.name)));
     process.send('here');`,
  );
  await writeFile(path, '999999999 12345\n');
  const starters = Array.from({ length: STARTERS }, () => fork(script, [], { execArgv: [] }));
  await Promise.all(starters.map((starter) => once(starter, 'message')));
  const answers = starters.map((starter) => once(starter, 'message'));
  for (const starter of starters) starter.send('go');
  const said = (await Promise.all(answers)).flat().sort();
  const holder = Number.parseInt(await readFile(path, 'utf8'), 10);
  for (const starter of starters) starter.kill('SIGKILL');
  expect(said).toEqual([...Array(STARTERS - 1).fill('LockHeldError'), 'taken']);
  expect(starters.map(({ pid }) => pid)).toContain(holder);
}, 60_000);
