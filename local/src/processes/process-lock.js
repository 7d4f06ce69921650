// A lock file that holds the pid of its owner. The lock of a process that has ended does not count.
// Plain JavaScript, because `npm start` takes its lock on the Node of the machine, which may not support TypeScript.
import { link, mkdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, unlessAbsent } from '../error-code.js';
import { incarnationOf } from './processes.js';

let drafts = 0;

/** A running process, `pid`, holds the lock. */
export class LockHeldError extends Error {
  /** @override */
  name = 'LockHeldError';

  /**
   * @param {string} path
   * @param {number} pid
   */
  constructor(path, pid) {
    super(`${path} is held by process ${pid}`);
    this.path = path;
    this.pid = pid;
  }
}

/**
 * Takes the lock at `path` for this process and returns the function that releases it. Throws LockHeldError, or the system's error
 * when the lock cannot be read or written.
 * @param {string} path
 */
export async function takeLock(path) {
  const mine = `${process.pid} ${(await incarnationOf(process.pid)) ?? ''}\n`;
  // The draft is written beside the lock and then linked to its place, so that no process reads half a lock and a full disk leaves
  // no lock behind.
  drafts += 1;
  const draft = `${path}.${process.pid}-${drafts}`;
  try {
    await writeFile(draft, mine, { mode: 0o600 });
    while (!(await linkTo(draft, path))) await removeStale(path);
  } finally {
    await rm(draft, { force: true });
  }
  return async () => {
    if ((await readLock(path)) === mine) await rm(path, { force: true });
  };
}

/**
 * The pid of the running process that holds the lock at `path`; undefined when no process holds it.
 * @param {string} path
 */
export async function findLockOwner(path) {
  return findOwner((await readLock(path)) ?? '');
}

/**
 * Makes `draft` the lock. Returns false when a lock exists already.
 * @param {string} draft
 * @param {string} path
 */
async function linkTo(draft, path) {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return false;
  }
}

/** Much longer than a take-over. An older folder was left by a process that was killed during its take-over. */
const TAKE_OVER_MS = 10_000;
const PAUSE_MS = 20;

/**
 * Removes a lock whose owner has ended. Throws LockHeldError when the owner runs. Only one process at a time reads and removes the
 * lock: otherwise a process that read the old lock could remove the new lock of another process.
 * @param {string} path
 */
async function removeStale(path) {
  const turn = `${path}.take-over`;
  if (!(await takeTurn(turn))) {
    await sleep(PAUSE_MS);
    return;
  }
  try {
    const found = await readLock(path);
    if (found === undefined) return;
    const owner = await findOwner(found);
    if (owner !== undefined) throw new LockHeldError(path, owner);
    await rm(path, { force: true });
  } finally {
    await rmdir(turn).catch(unlessAbsent);
  }
}

/**
 * Whether this process may take over now. The process that creates the folder may, because a folder can be created only once.
 * @param {string} turn
 */
async function takeTurn(turn) {
  try {
    await mkdir(turn);
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  const made = await stat(turn).catch(unlessAbsent);
  if (made !== undefined && Date.now() - made.mtimeMs > TAKE_OVER_MS) await rmdir(turn).catch(unlessAbsent);
  return false;
}

/**
 * The content of the lock at `path`; undefined when it does not exist.
 * @param {string} path
 * @returns {Promise<string | undefined>}
 */
const readLock = (path) => readFile(path, 'utf8').catch(unlessAbsent);

/**
 * @param {string} text
 * @returns {Promise<number | undefined>}
 */
async function findOwner(text) {
  const [pid, ...incarnation] = text.trim().split(' ');
  if (pid === undefined || !/^\d+$/.test(pid)) return undefined;
  const running = await incarnationOf(Number(pid));
  return running !== undefined && running === incarnation.join(' ') ? Number(pid) : undefined;
}
