// Where an embedded cluster lives. The account that PostgreSQL runs as when root starts it often cannot reach a clone under
// /root: then data and binaries go where it can, and the data directory keeps a link to the data.
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

/** A cluster that can be started: where it is, with which binaries, as whom; no `account` means as this process. */
export type PostgresHome = {
  account: Account | undefined;
  binaries: PostgresBinaries;
  cluster: string;
};

/** A folder, or a link to one. */
const clusterIn = (dataDir: string): string => join(dataDir, 'cluster');

/**
 * What the names of clusters that are being made begin with; no start takes one of them for a cluster. Each start has its
 * own, because what a killed start was running may take a moment to end.
 */
const UNFINISHED = 'cluster.new';

/** The home of the cluster of `dataDir`; undefined when there is none. Throws when there is something else. */
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
      `${cluster} belongs to uid ${account.uid}, who cannot reach it; give that user the right to enter the folders above it`,
    );
  return { account, binaries: await findUsableBinaries(binaries, account), cluster };
}

/**
 * Makes the cluster of `dataDir`, which has none: `fill` makes it in an empty folder, and only what is complete gets the
 * cluster's name.
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
  // What is there is an empty folder at most: rmdir removes no other.
  await rmdir(cluster).catch(unlessAbsent);
  await rename(unfinished, cluster);
  await flushFolder(folder);
  return { account, binaries: usable, cluster: await realpath(cluster) };
}

/** The folder of the cluster of `dataDir`, in any state; undefined when there is none. */
export async function findClusterFolder(dataDir: string): Promise<string | undefined> {
  const path = clusterIn(dataDir);
  return (await isFolder(path)) ? realpath(path) : undefined;
}

/** Gives us back the rights to read and delete what is ours. */
export async function makeAccessible(dataDir: string): Promise<void> {
  const give = (path: string) =>
    // What belongs to another user stays as it is; reading or deleting it says so.
    run('chmod', ['-R', 'u+rwX', path]).catch(() => undefined);
  await give(dataDir);
  const cluster = await findClusterFolder(dataDir);
  if (cluster !== undefined) await give(cluster);
}

/** Deletes everything that belongs to the cluster of `dataDir`, be it recognisable or not. It must not run. */
export async function removeHome(dataDir: string): Promise<void> {
  await removeUnfinished(dataDir);
  await removeLinked(clusterIn(dataDir));
  await rm(dataDir, { recursive: true, force: true });
}

/** What interrupted starts have left. It has never been a database. */
async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith(UNFINISHED)) continue;
    await removeLinked(join(dataDir, name));
    await rm(join(dataDir, name), { recursive: true, force: true });
  }
}

/** Deletes the folder that `path` is a link to, and what we made around it; nothing when it is no link. */
async function removeLinked(path: string): Promise<void> {
  const entry = await lstat(path).catch(unlessAbsent);
  if (!entry?.isSymbolicLink()) return;
  const target = resolve(dirname(path), await readlink(path));
  await rm(target, { recursive: true, force: true });
  if (SHARED_FOLDERS.includes(dirname(dirname(target))))
    await rm(dirname(target), { recursive: true, force: true });
}

/** Where a new cluster is to be made: at `path`, or where `account` can reach it, with a link at `path`. */
async function folderFor(path: string, account: Account | undefined): Promise<string> {
  if (account === undefined || (await canEnter(dirname(path), account))) return path;
  // A new folder each time, so that a data directory that was moved away keeps its data.
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

/** A folder of ours that `account` can reach. */
async function findSharedFolder(account: Account): Promise<string> {
  for (const folder of SHARED_FOLDERS) {
    // One that cannot be made, on a read-only file system say, is not found then.
    await mkdir(folder, { mode: 0o755 }).catch(() => undefined);
    const found = await lstat(folder).catch(unlessAbsent);
    // In a world-writable place another user may have been there first, with a folder or a link of theirs.
    if (found === undefined || !found.isDirectory() || found.uid !== process.getuid?.()) continue;
    await chmod(folder, 0o755);
    if (await canEnter(folder, account)) return folder;
  }
  throw new Error(
    `found no place that the PostgreSQL user (uid ${account.uid}) can reach; tried ${SHARED_FOLDERS.join(', ')}`,
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
    // Another start has finished the same copy in the meantime.
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
  }
  return copied;
}
