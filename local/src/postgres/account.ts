// The account that an embedded PostgreSQL runs as. PostgreSQL refuses to run as root, so root starts it as another account.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './binaries.ts';

const run = promisify(execFile);

export type Account = { uid: number; gid: number };

/**
 * The account for the server; undefined for the account of this process. For root: the owner of the existing cluster, else
 * `postgres`, else `nobody`.
 */
export async function chooseAccount(clusterOwner: Account | undefined): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  if (clusterOwner !== undefined && clusterOwner.uid !== 0) return clusterOwner;
  const account = (await findAccount('postgres')) ?? (await findAccount('nobody'));
  if (account === undefined) {
    throw new Error(
      'PostgreSQL does not run as root, and there is no user "postgres" or "nobody"; start as an ordinary user',
    );
  }
  return account;
}

/** Makes `path` belong to the account that the server runs as. */
export async function chownTo(account: Account | undefined, path: string): Promise<void> {
  if (account !== undefined) await run('chown', ['-R', `${account.uid}:${account.gid}`, path]);
}

export function canRun(binaries: PostgresBinaries, account: Account): Promise<boolean> {
  return canExecute(binaries.postgres, ['--version'], account);
}

export function canEnter(folder: string, account: Account): Promise<boolean> {
  return canExecute('/bin/sh', ['-c', 'cd "$0"', folder], account);
}

function canExecute(program: string, args: string[], account: Account): Promise<boolean> {
  return run(program, args, { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

async function findAccount(name: string): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch (error) {
    // `id` exits 1: no such user.
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 1) return undefined;
    throw error;
  }
}
