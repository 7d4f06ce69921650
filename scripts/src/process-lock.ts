// A lock file that holds the pid of its owner. The lock of a process that died is no lock.

import { readFile, rm, writeFile } from 'node:fs/promises';
import { errorCode } from './error-code.js';
import { incarnationOf } from './processes.js';

/** Thrown when a running process holds the lock; `pid` is its. */
export class LockHeldError extends Error {
  override readonly name = 'LockHeldError';
  constructor(
    readonly path: string,
    readonly pid: number,
  ) {
    super(`${path} is held by process ${pid}`);
  }
}

/** Takes the lock at `path` for this process and returns what gives it back. Throws LockHeldError. */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  const mine = `${process.pid} ${(await incarnationOf(process.pid)) ?? ''}\n`;
  for (;;) {
    try {
      await writeFile(path, mine, { flag: 'wx', mode: 0o600 });
      return async () => {
        if ((await readFile(path, 'utf8').catch(() => '')) === mine) await rm(path, { force: true });
      };
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    const owner = await lockOwner(path);
    if (owner !== undefined) throw new LockHeldError(path, owner);
    await rm(path, { force: true });
  }
}

/** The pid of the running process that holds the lock at `path`, if one does. */
export async function lockOwner(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const [pid, ...incarnation] = text.trim().split(' ');
  if (pid === undefined || !/^\d+$/.test(pid)) return undefined;
  const running = await incarnationOf(Number(pid));
  return running !== undefined && running === incarnation.join(' ') ? Number(pid) : undefined;
}
