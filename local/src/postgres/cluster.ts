// Finds the PostgreSQL cluster at a path: a cluster, an empty place, or files that are no recognisable cluster. The third case is
// an error, because an empty database must not replace one that cannot be read.
import { lstat, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, unlessAbsent } from '../error-code.js';
import type { Account } from './account.ts';

export type Cluster = { path: string; owner: Account };

class Unrecognised extends Error {}

/**
 * The cluster at `path`, or at the target of a link there; undefined when `path` is absent or an empty folder. Throws with one line
 * that says what `path` is instead, and what to do.
 */
export async function findCluster(path: string): Promise<Cluster | undefined> {
  try {
    return await recogniseCluster(path);
  } catch (error) {
    const what =
      error instanceof Unrecognised ? error.message : `cannot be read (${errorCode(error) ?? error})`;
    throw new Error(
      `${path} ${what}. It was not changed: repair or restore it, set DATA_DIR to another folder, or start with --reset, which deletes it`,
      { cause: error },
    );
  }
}

async function recogniseCluster(path: string): Promise<Cluster | undefined> {
  const entry = await lstat(path).catch(unlessAbsent);
  if (entry === undefined) return undefined;
  const owner = await readOwner(path);
  const names = await readdir(path);
  // A link to an empty folder is more likely an unmounted disk than a new database.
  if (names.length === 0 && !entry.isSymbolicLink()) return undefined;
  await checkVersion(path);
  return { path: await realpath(path), owner };
}

async function readOwner(path: string): Promise<Account> {
  const target = await stat(path).catch(unlessAbsent);
  if (target === undefined)
    throw new Unrecognised(`is a link to ${await readlink(path)}, which does not exist`);
  const mine = process.getuid?.();
  if (mine !== undefined && mine !== 0 && target.uid !== mine)
    throw new Unrecognised(`belongs to another user (uid ${target.uid}): start as that user or as root`);
  if (!target.isDirectory()) throw new Unrecognised('is not a folder');
  return { uid: target.uid, gid: target.gid };
}

/** Every cluster has a file PG_VERSION with its major version. */
async function checkVersion(path: string): Promise<void> {
  const version = await readFile(join(path, 'PG_VERSION'), 'utf8').catch(unlessAbsent);
  if (version === undefined) throw new Unrecognised('is not a PostgreSQL database: PG_VERSION is missing');
  if (/^\d+\n?$/.test(version)) return;
  throw new Unrecognised(
    `is not a PostgreSQL database: PG_VERSION ${version.trim() === '' ? 'is empty' : 'has no version'}`,
  );
}
