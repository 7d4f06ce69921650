// The place of an embedded cluster. When root starts PostgreSQL, the account that PostgreSQL runs as often cannot reach a clone under
// /root. Then data and binaries are in a folder that it can reach, and the data directory has a link to the data.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { errorCode, unlessAbsent } from '../error-code.js';
import { flushFolder, isFolder, isPresent } from '../files.ts';
import { type Account, canEnter, canRun, chooseAccount, chownTo } from './account.ts';
import { binariesIn, type PostgresBinaries } from './binaries.ts';
import { findCluster } from './cluster.ts';

const run = promisify(execFile);
const SHARED_FOLDERS = ['/var/lib/holdfast', join(tmpdir(), `holdfast-${process.getuid?.() ?? 0}`)];

/** A cluster with the binaries and the account to start it; an undefined `account` is that of this process. */
export type PostgresHome = {
  account: Account | undefined;
  binaries: PostgresBinaries;
  cluster: string;
};

/** The cluster of a data directory: a folder, or a link to one. */
const clusterIn = (dataDir: string): string => join(dataDir, 'cluster');

/**
 * The beginning of the name of a cluster that is not complete. A start never uses such a folder. Each start makes its own, because
 * the initdb of a killed start may run a moment longer.
 */
const UNFINISHED = 'cluster.new';

/** The home of the cluster of `dataDir`; undefined when no cluster exists. Throws when its place is taken by other files. */
export async function findHome(
  dataDir: string,
  binaries: PostgresBinaries,
): Promise<PostgresHome | undefined> {
  const found = await findCluster(clusterIn(await realpath(dataDir)));
  if (found === undefined) return undefined;
  const account = await chooseAccount(found.owner);
  const cluster = found.path;
  if (account === undefined) return { account, binaries, cluster };
  if (!(await canEnter(dirname(cluster), account)))
    throw new Error(
      `${cluster} belongs to uid ${account.uid}, which cannot enter the folders above it; give that user the right to enter them`,
    );
  return { account, binaries: await findUsableBinaries(binaries, account), cluster };
}

/**
 * Makes the cluster of `dataDir`, which has none. `fill` makes it in an empty folder, which gets the cluster's name when it is
 * complete.
 */
export async function createHome(
  dataDir: string,
  binaries: PostgresBinaries,
  fill: (home: PostgresHome) => Promise<void>,
): Promise<PostgresHome> {
  const folder = await realpath(dataDir);
  await removeUnfinished(folder);
  const account = await chooseAccount(undefined);
  const usable = account === undefined ? binaries : await findUsableBinaries(binaries, account);
  const unfinished = join(folder, `${UNFINISHED}-${randomBytes(4).toString('hex')}`);
  const target = await folderFor(unfinished, account);
  await mkdir(target, { mode: 0o700 });
  await chownTo(account, target);
  await fill({ account, binaries: usable, cluster: target });

  const cluster = clusterIn(folder);
  // Only an empty folder can be in its place; rmdir refuses any other.
  await rmdir(cluster).catch(unlessAbsent);
  await rename(unfinished, cluster);
  await flushFolder(folder);
  return { account, binaries: usable, cluster: await realpath(cluster) };
}

/** The folder of the cluster of `dataDir`, in any state; undefined when it does not exist. */
export async function findClusterFolder(dataDir: string): Promise<string | undefined> {
  const path = clusterIn(dataDir);
  return (await isFolder(path)) ? realpath(path) : undefined;
}

/** Restores the rights of this account to read and delete its own files. */
export async function makeAccessible(dataDir: string): Promise<void> {
  const give = (path: string) =>
    // Files of another user stay unchanged; the later read or deletion fails with the reason.
    run('chmod', ['-R', 'u+rwX', path]).catch(() => undefined);
  await give(dataDir);
  const cluster = await findClusterFolder(dataDir);
  if (cluster !== undefined) await give(cluster);
}

/** Deletes the cluster of `dataDir` with all that belongs to it, even when it is not recognisable. Its server must not run. */
export async function removeHome(dataDir: string): Promise<void> {
  await removeUnfinished(dataDir);
  await removeLinked(clusterIn(dataDir));
  await rm(dataDir, { recursive: true, force: true });
}

/** Deletes what interrupted starts have left. It was never a database. */
async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith(UNFINISHED)) continue;
    await removeLinked(join(dataDir, name));
    await rm(join(dataDir, name), { recursive: true, force: true });
  }
}

/** Deletes the target of the link `path`, and the folder that was made around it. A `path` that is no link stays. */
async function removeLinked(path: string): Promise<void> {
  const entry = await lstat(path).catch(unlessAbsent);
  if (!entry?.isSymbolicLink()) return;
  const target = resolve(dirname(path), await readlink(path));
  await rm(target, { recursive: true, force: true });
  if (SHARED_FOLDERS.includes(dirname(dirname(target))))
    await rm(dirname(target), { recursive: true, force: true });
}

/** Chooses the folder of a new cluster: `path`, or a folder that `account` can reach, with a link at `path`. */
async function folderFor(path: string, account: Account | undefined): Promise<string> {
  if (account === undefined || (await canEnter(dirname(path), account))) return path;
  // Each cluster gets a new folder, so that a data directory that the user has moved keeps its data.
  const moved = await mkdtemp(join(await findSharedFolder(account), 'data-'));
  await chmod(moved, 0o755);
  const target = join(moved, 'cluster');
  await symlink(target, path);
  return target;
}

async function findUsableBinaries(binaries: PostgresBinaries, account: Account): Promise<PostgresBinaries> {
  if (await canRun(binaries, account)) return binaries;
  return copyBinaries(binaries, await findSharedFolder(account));
}

/** A folder of this account that `account` can reach. */
async function findSharedFolder(account: Account): Promise<string> {
  for (const folder of SHARED_FOLDERS) {
    // A folder that cannot be made, for example on a read-only file system, is not found below.
    await mkdir(folder, { mode: 0o755 }).catch(() => undefined);
    const found = await lstat(folder).catch(unlessAbsent);
    // In a world-writable folder another user may have made this folder or a link before.
    if (found === undefined || !found.isDirectory() || found.uid !== process.getuid?.()) continue;
    await chmod(folder, 0o755);
    if (await canEnter(folder, account)) return folder;
  }
  throw new Error(
    `found no folder that the PostgreSQL user (uid ${account.uid}) can reach; tried ${SHARED_FOLDERS.join(', ')}`,
  );
}

async function copyBinaries(from: PostgresBinaries, shared: string): Promise<PostgresBinaries> {
  const target = join(shared, `postgresql-${from.version}-${process.platform}-${process.arch}`);
  const copied = binariesIn(target, from.version);
  if (await isPresent(copied.postgres)) return copied;
  const unfinished = `${target}.${process.pid}`;
  try {
    await cp(join(from.root, 'native'), join(unfinished, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await run('chmod', ['-R', 'a+rX', unfinished]);
    await rename(unfinished, target);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Another start has made the same copy in the meantime.
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
  }
  return copied;
}
