// Where an embedded cluster lives and as whom it runs. PostgreSQL refuses to run as root, so root starts it as
// another account, which often cannot reach a clone under /root: then data and binaries go where it can.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { binariesIn, findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.js';

const run = promisify(execFile);

export type Account = { uid: number; gid: number };

/**
 * `folder` holds the cluster and its lock: the data directory itself, or the place it was moved to, in which
 * case `link` is the symbolic link to it that the data directory keeps. No `account` means our own.
 */
export type PostgresHome = {
  account: Account | undefined;
  binaries: PostgresBinaries;
  folder: string;
  cluster: string;
  link: string | undefined;
};

/** Settles where the cluster of `dataDir` lives, or will live. Creates folders, not the cluster. */
export async function openPostgresHome(dataDir: string): Promise<PostgresHome> {
  const binaries = await findPostgresBinaries();
  await mkdir(dataDir, { recursive: true });
  const own = join(await realpath(dataDir), 'cluster');
  const account = await chooseAccount(own);
  const local = { account, binaries, folder: dirname(own), cluster: own, link: undefined };
  if (account === undefined) return local;

  const shared = await sharedFolder(account);
  const usable = (await canRun(binaries, account)) ? binaries : await copyBinaries(binaries, shared);
  if (!(await isSymlink(own)) && (await canEnter(dirname(own), account)))
    return { ...local, binaries: usable };
  const folder = await movedFolder(own, shared);
  return { account, binaries: usable, folder, cluster: join(folder, 'cluster'), link: own };
}

/** Deletes everything that belongs to the cluster of `dataDir`, moved parts included. It must not run. */
export async function removePostgresHome(dataDir: string): Promise<void> {
  const own = join(resolve(dataDir), 'cluster');
  if (await isSymlink(own)) await rm(dirname(await readlink(own)), { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
}

/** Makes `path` belong to whom the server runs as. */
export async function chownTo(account: Account | undefined, path: string): Promise<void> {
  if (account !== undefined) await run('chown', ['-R', `${account.uid}:${account.gid}`, path]);
}

/** Root gets the owner of a cluster that is there already, else `postgres`, else `nobody`. */
async function chooseAccount(cluster: string): Promise<Account | undefined> {
  const owner = await stat(cluster).catch(() => undefined);
  const mine = process.getuid?.();
  if (mine !== 0) {
    if (owner === undefined || owner.uid === mine) return undefined;
    throw new Error(
      `${cluster} belongs to another user (uid ${owner.uid}); start as that user or as root, or set DATA_DIR to a folder of your own`,
    );
  }
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const account = (await accountNamed('postgres')) ?? (await accountNamed('nobody'));
  if (account === undefined) {
    throw new Error(
      'PostgreSQL does not run as root, and there is no user "postgres" or "nobody"; start as an ordinary user',
    );
  }
  return account;
}

async function accountNamed(name: string): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined; // `id` exits 1: no such user.
  }
}

async function canRun(binaries: PostgresBinaries, account: Account): Promise<boolean> {
  return run(binaries.postgres, ['--version'], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

async function canEnter(folder: string, account: Account): Promise<boolean> {
  return run('/bin/sh', ['-c', 'cd "$0"', folder], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

/** A folder of ours that `account` can reach. */
async function sharedFolder(account: Account): Promise<string> {
  const candidates = ['/var/lib/holdfast', join(tmpdir(), `holdfast-${process.getuid?.() ?? 0}`)];
  for (const folder of candidates) {
    await mkdir(folder, { mode: 0o755 }).catch(() => undefined);
    const found = await lstat(folder).catch(() => undefined);
    // In a world-writable place somebody else may have been there first, with a folder or a link of theirs.
    if (found === undefined || !found.isDirectory() || found.uid !== process.getuid?.()) continue;
    await chmod(folder, 0o755);
    if (await canEnter(folder, account)) return folder;
  }
  throw new Error(
    `found no place that the PostgreSQL user (uid ${account.uid}) can reach; tried ${candidates.join(', ')}`,
  );
}

async function copyBinaries(from: PostgresBinaries, shared: string): Promise<PostgresBinaries> {
  const target = join(shared, `postgresql-${from.version}-${process.platform}-${process.arch}`);
  const copied = binariesIn(target, from.version);
  if (await stat(copied.postgres).catch(() => undefined)) return copied;
  const unfinished = `${target}.${process.pid}`;
  await cp(join(from.root, 'native'), join(unfinished, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  await run('chmod', ['-R', 'a+rX', unfinished]);
  // Another start may have finished the same copy meanwhile: either will do.
  await rename(unfinished, target).catch(() => rm(unfinished, { recursive: true, force: true }));
  return copied;
}

async function movedFolder(link: string, shared: string): Promise<string> {
  const folder = (await isSymlink(link))
    ? dirname(await readlink(link))
    : join(shared, createHash('sha256').update(link).digest('hex').slice(0, 16));
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await chmod(folder, 0o755);
  return folder;
}

/** Leaves in the data directory the link that `home` says; without it a moved cluster counts as deleted. */
export async function linkHome(home: PostgresHome): Promise<void> {
  if (home.link !== undefined && !(await isSymlink(home.link))) await symlink(home.cluster, home.link);
}

/** Whether `home` has a finished cluster that its data directory knows of. */
export async function hasCluster(home: PostgresHome): Promise<boolean> {
  const version = await readFile(join(home.link ?? home.cluster, 'PG_VERSION'), 'utf8').catch(
    () => undefined,
  );
  return version !== undefined;
}

async function isSymlink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isSymbolicLink() ?? false;
}
