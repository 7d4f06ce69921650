// Whether there is a PostgreSQL cluster at a path. Three answers: there is one, there is nothing, or what is there cannot
// be recognised. The third is an error, because a database that cannot be read must not be replaced by an empty one.
import { lstat, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, unlessAbsent } from '../error-code.js';
import type { Account } from './account.ts';

export type Cluster = { path: string; owner: Account };

class Unrecognised extends Error {}

/**
 * The cluster at `path`, which may be a link to it; undefined when nothing is there, or an empty folder. Throws with one
 * line that says what is there instead, and what to do.
 */
export async function findCluster(path: string): Promise<Cluster | undefined> {
  try {
    return await recogniseCluster(path);
  } catch (error) {
    const what =
      error instanceof Unrecognised ? error.message : `cannot be read (${errorCode(error) ?? error})`;
    throw new Error(
      `${path} ${what}. Nothing was changed: mend or restore it, set DATA_DIR to another folder, or start with --reset, which deletes it and begins anew`,
      { cause: error },
    );
  }
}

async function recogniseCluster(path: string): Promise<Cluster | undefined> {
  const entry = await lstat(path).catch(unlessAbsent);
  if (entry === undefined) return undefined;
  const owner = await readOwner(path);
  const names = await readdir(path);
  // A link to an empty folder is more likely a disk that is not mounted than a fresh start.
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
  if (!target.isDirectory()) throw new Unrecognised('is no folder');
  return { uid: target.uid, gid: target.gid };
}

/** Each cluster has its major version in PG_VERSION. */
async function checkVersion(path: string): Promise<void> {
  const version = await readFile(join(path, 'PG_VERSION'), 'utf8').catch(unlessAbsent);
  if (version === undefined) throw new Unrecognised('is no PostgreSQL database: PG_VERSION is missing');
  if (/^\d+\n?$/.test(version)) return;
  throw new Unrecognised(
    `is no PostgreSQL database: PG_VERSION ${version.trim() === '' ? 'is empty' : 'holds no version'}`,
  );
}
