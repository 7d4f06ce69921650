// A lock file that holds the pid of its owner. The lock of a process that died is no lock.
// Plain JavaScript, because `npm start` takes its lock before anything has been built.
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { errorCode, unlessAbsent } from './error-code.js';
import { incarnationOf } from './processes.js';

let drafts = 0;

/** Thrown when a running process holds the lock; `pid` is its. */
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
 * Takes the lock at `path` for this process and returns what gives it back. Throws LockHeldError, or the system's error
 * when the lock cannot be read or written.
 * @param {string} path
 */
export async function takeLock(path) {
  const mine = `${process.pid} ${(await incarnationOf(process.pid)) ?? ''}\n`;
  // Written beside the lock and linked to its place: no process ever reads half of a lock, and a full disk leaves none behind.
  drafts += 1;
  const draft = `${path}.${process.pid}-${drafts}`;
  try {
    await writeFile(draft, mine, { mode: 0o600 });
    while (!(await linkTo(draft, path))) await removeStale(path, draft);
  } finally {
    await rm(draft, { force: true });
  }
  return async () => {
    if ((await readLock(path)) === mine) await rm(path, { force: true });
  };
}

/**
 * The pid of the running process that holds the lock at `path`, if one does.
 * @param {string} path
 */
export async function lockOwner(path) {
  return ownerOf((await readLock(path)) ?? '');
}

/**
 * Whether `draft` is the lock now; false when there is one already.
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

/**
 * Takes away a lock whose owner is gone. Throws LockHeldError when it runs.
 * @param {string} path
 * @param {string} draft
 */
async function removeStale(path, draft) {
  const found = await readLock(path);
  if (found === undefined) return;
  const owner = await ownerOf(found);
  if (owner !== undefined) throw new LockHeldError(path, owner);
  const aside = `${draft}.stale`;
  try {
    await rename(path, aside);
  } catch (error) {
    return unlessAbsent(error);
  }
  // Between the look and the rename, another start may have done the same and taken the lock: then it gets it back.
  if ((await readLock(aside)) !== found) await linkTo(aside, path);
  await rm(aside, { force: true });
}

/**
 * The content of the lock at `path`; undefined when there is none.
 * @param {string} path
 * @returns {Promise<string | undefined>}
 */
const readLock = (path) => readFile(path, 'utf8').catch(unlessAbsent);

/**
 * @param {string} text
 * @returns {Promise<number | undefined>}
 */
async function ownerOf(text) {
  const [pid, ...incarnation] = text.trim().split(' ');
  if (pid === undefined || !/^\d+$/.test(pid)) return undefined;
  const running = await incarnationOf(Number(pid));
  return running !== undefined && running === incarnation.join(' ') ? Number(pid) : undefined;
}
