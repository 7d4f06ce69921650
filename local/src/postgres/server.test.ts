// The embedded server: it survives being killed, it waits for a recovery, it never deletes a database that it cannot read, and
// it says in one line what is wrong.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { isPresent } from '../files.ts';
import { findFreePort } from '../processes/ports.ts';
import { childrenOf, commandOf, isRunning, waitUntilGone } from '../processes/processes.js';
import { waitForServer } from '../stack/database-server.ts';
import { createEventLog } from '../stack/event-log.ts';
import { findPostgresBinaries } from './binaries.ts';
import { findHome } from './home.ts';
import { readPidFile } from './pid-file.ts';
import { launchPostmaster, type Postmaster } from './postmaster.ts';
import { type EmbeddedPostgres, removePostgres, startPostgres } from './server.ts';
import { shutDown } from './shutdown.ts';

/** A limit for what takes a second on an idle machine. */
const GENEROUS_MS = 120_000;

let folder: string;
let dataDir: string;
let cluster: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-postgres-'));
  await chmod(folder, 0o755);
  dataDir = join(folder, 'data');
  cluster = join(dataDir, 'cluster');
});

afterAll(async () => {
  await removePostgres(dataDir);
  await rm(folder, { recursive: true });
});

async function query(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client(server.adminUrl);
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

async function withServer<Result>(use: (server: EmbeddedPostgres) => Promise<Result>): Promise<Result> {
  const server = await startPostgres({ dataDir });
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

/** Starts a process that starts a server, and sends the server's pid. */
async function forkStarter(): Promise<ChildProcess> {
  const script = join(folder, 'starter.mjs');
  const module = new URL('./server.ts', import.meta.url).href;
  await writeFile(
    script,
    `import { startPostgres } from ${JSON.stringify(module)};
     process.send((await startPostgres({ dataDir: ${JSON.stringify(dataDir)} })).pid);`,
  );
  return fork(script, [], { execArgv: [] });
}

test(
  'a start that is killed while it makes the database leaves no process, and the next one makes it, also in an empty folder',
  async () => {
    const starter = await forkStarter();
    const findUnfinished = async () =>
      (await readdir(dataDir).catch(() => [])).find((name) => /^cluster\.new/.test(name)) ?? 'none';
    while (!(await isPresent(join(dataDir, await findUnfinished(), 'base')))) await sleep(5);
    const children = await childrenOf(starter.pid ?? 0);
    const grandchildren = (await Promise.all(children.map(childrenOf))).flat();
    starter.kill('SIGKILL');
    await once(starter, 'exit');
    expect(grandchildren.length).toBeGreaterThan(0);
    expect(await waitUntilGone([...children, ...grandchildren], GENEROUS_MS)).toBe(true);
    expect(await isPresent(cluster)).toBe(false);

    await mkdir(cluster);
    await withServer(async (server) => {
      expect(await query(server, 'SELECT 1')).toEqual([1]);
      expect((await readdir(dataDir)).sort()).toEqual(['cluster', 'lock', 'password', 'port']);
    });
  },
  GENEROUS_MS,
);

test('what is committed survives stop, kill and restart, also when the pid of a killed server now belongs to another program', async () => {
  await withServer(async (server) => {
    expect(await query(server, `SELECT current_setting('fsync')`)).toEqual(['on']);
    await query(server, 'CREATE TABLE kept (i int)');
    for (let round = 0; round < 2; round += 1) {
      await query(server, `INSERT INTO kept VALUES (${round})`);
      const children = await childrenOf(server.pid);
      expect(children.length).toBeGreaterThan(0);
      await server.kill();
      expect((await server.exited).signal).toBe('SIGKILL');
      expect(await Promise.all(children.map(isRunning))).not.toContain(true);
      await server.restart();
    }
  });
  const readKept = (server: EmbeddedPostgres) => query(server, 'SELECT i FROM kept ORDER BY i');
  await withServer(async (server) => {
    expect(await readKept(server)).toEqual([0, 1]);
    await query(server, 'INSERT INTO kept VALUES (2)');
    await server.kill();
  });
  // PostgreSQL itself recognizes the pid of another account as stale.
  const { uid, gid } = await stat(cluster);
  // It ends with this process, because its input does.
  const program = spawn('sh', ['-c', 'read line'], { uid, gid });
  try {
    const pidFile = join(cluster, 'postmaster.pid');
    await writeFile(pidFile, (await readFile(pidFile, 'utf8')).replace(/^\d+/, String(program.pid)));
    expect(await withServer(readKept)).toEqual([0, 1, 2]);
    expect(await isRunning(Number(program.pid))).toBe(true);
  } finally {
    program.kill();
  }
});

test('it takes no connection without the password, which is in a file of the owner only, and refuses a second server on its data', async () => {
  await withServer(async (server) => {
    const url = new URL(server.adminUrl);
    url.password = 'wrong';
    const client = new pg.Client(url.href);
    await expect(client.connect()).rejects.toThrow('password authentication failed');
    expect(await query(server, 'SHOW listen_addresses')).toEqual(['127.0.0.1']);
    expect(await query(server, 'SHOW unix_socket_directories')).toEqual(['']);
    expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);

    await expect(startPostgres({ dataDir })).rejects.toThrow(
      `the PostgreSQL data in ${dataDir} is in use by process ${process.pid}`,
    );
  });
});

async function startElsewhere(): Promise<{ starter: ChildProcess; pid: number }> {
  const starter = await forkStarter();
  const [pid] = await once(starter, 'message');
  return { starter, pid };
}

test('a server ends in order with the process that started it, when that is killed', async () => {
  const { starter, pid } = await startElsewhere();
  const backends = await childrenOf(pid);
  starter.kill('SIGKILL');
  expect(await waitUntilGone([pid, ...backends], GENEROUS_MS)).toBe(true);

  const lines: string[] = [];
  const server = await startPostgres({ dataDir, onLog: (line) => lines.push(line) });
  await server.stop();
  expect(lines.join('\n')).not.toMatch(/was interrupted|not properly shut down/);
});

test('a server that a killed process left running is stopped first', async () => {
  const { starter, pid: orphan } = await startElsewhere();
  for (const guard of await childrenOf(starter.pid ?? 0)) process.kill(guard, 'SIGKILL');
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  expect(await isRunning(orphan)).toBe(true);

  const lines: string[] = [];
  const server = await startPostgres({ dataDir, onLog: (line) => lines.push(line) });
  await server.stop();
  expect(await isRunning(orphan)).toBe(false);
  expect(lines[0]).toBe(
    `LOG:  stopping the PostgreSQL server that a killed process left running (pid ${orphan})`,
  );
});

test('it keeps its port, and logs a warning when it has to take another one', async () => {
  const port = await withServer(async (server) => server.port);
  expect(await withServer(async (server) => server.port)).toBe(port);
  const lines: string[] = [];
  const taken = createServer().listen(port, '127.0.0.1');
  await once(taken, 'listening');
  const server = await startPostgres({ dataDir, onLog: (line) => lines.push(line) });
  await server.stop();
  taken.close();
  expect(server.port).not.toBe(port);
  expect(lines).toContain(
    `WARNING:  port ${port} of the last start is taken; PostgreSQL listens on ${server.port} from now on`,
  );
  expect(await withServer(async (again) => again.port)).toBe(server.port);
});

test('a port in use is reported in the server’s own words', async () => {
  const port = await findFreePort();
  const taken = createServer().listen(port, '127.0.0.1');
  await once(taken, 'listening');
  try {
    await expect(startPostgres({ dataDir, port })).rejects.toThrow(
      /^PostgreSQL did not start: .*Address already in use/,
    );
  } finally {
    taken.close();
  }
  // The data directory is free again.
  expect(await withServer((server) => query(server, 'SELECT 1'))).toEqual([1]);
});

/** Moves `path` away while `work` runs; `replace` may make another file in its place. */
async function whileReplaced(
  path: string,
  replace: () => Promise<unknown>,
  work: () => Promise<void>,
): Promise<void> {
  const aside = join(folder, 'aside');
  await rename(path, aside);
  try {
    await replace();
    await work();
  } finally {
    await rm(path, { recursive: true, force: true });
    await rename(aside, path);
  }
}

async function withMode(path: string, mode: number, work: () => Promise<void>): Promise<void> {
  const before = (await stat(path)).mode;
  await chmod(path, mode);
  try {
    await work();
  } finally {
    await chmod(path, before);
  }
}

describe('a start does not touch a database', () => {
  const version = () => join(cluster, 'PG_VERSION');

  const refuses = (message: RegExp | string) => async () => {
    await expect(startPostgres({ dataDir })).rejects.toThrow(message);
  };
  const leaveEmpty = async (): Promise<void> => undefined;

  beforeAll(() => withServer((server) => query(server, 'CREATE TABLE untouched AS SELECT 42 AS i')));
  afterAll(async () => {
    expect(await withServer((server) => query(server, 'SELECT i FROM untouched'))).toEqual([42]);
  });

  test('whose PG_VERSION is missing', async () => {
    const message = `${cluster} is not a PostgreSQL database: PG_VERSION is missing. It was not changed: repair or restore it, set DATA_DIR to another folder, or start with --reset`;
    await whileReplaced(version(), leaveEmpty, refuses(message));
  });

  test('whose PG_VERSION is empty', async () => {
    await whileReplaced(version(), () => writeFile(version(), ''), refuses(/PG_VERSION is empty.*--reset/));
  });

  test('whose PG_VERSION cannot be read', async () => {
    // A folder, because root can read every file.
    await whileReplaced(version(), () => mkdir(version()), refuses(`${cluster} cannot be read (EISDIR)`));
    // Root can read the file, but the account that the server runs as cannot.
    await withMode(version(), 0o000, refuses(/PG_VERSION|EACCES/));
  });

  test('whose folder cannot be entered', async () => {
    await withMode(cluster, 0o000, refuses(/cluster/));
  });

  test('in whose place there is a file, or a link that leads to none', async () => {
    await whileReplaced(cluster, () => writeFile(cluster, ''), refuses(`${cluster} is not a folder`));
    const absent = join(folder, 'absent');
    await whileReplaced(
      cluster,
      () => symlink(absent, cluster),
      refuses(`${cluster} is a link to ${absent}, which does not exist`),
    );
    const empty = join(folder, 'empty');
    await mkdir(empty);
    await whileReplaced(cluster, () => symlink(empty, cluster), refuses('PG_VERSION is missing'));
  });

  test('whose password is lost', async () => {
    const password = join(dataDir, 'password');
    await whileReplaced(password, leaveEmpty, refuses(`${password} is missing`));
    await whileReplaced(password, () => writeFile(password, '\n'), refuses(`${password} is empty`));
    await whileReplaced(password, () => mkdir(password), refuses(`${password} cannot be read (EISDIR)`));
  });

  test('whose lock cannot be read', async () => {
    const lock = join(dataDir, 'lock');
    await mkdir(lock);
    await expect(startPostgres({ dataDir })).rejects.toThrow('EISDIR');
    await rm(lock, { recursive: true });
  });
});

describe('--reset deletes', () => {
  const KINDS: readonly [string, (path: string) => Promise<unknown>][] = [
    ['a file', async (path) => writeFile(path, 'a file')],
    [
      'a database without PG_VERSION',
      async (path) => {
        await mkdir(join(path, 'base'), { recursive: true });
        await writeFile(join(path, 'base', 'file'), '');
      },
    ],
    ['a link to nowhere', (path) => symlink(join(folder, 'absent'), path)],
    [
      'a folder that its owner may not enter',
      async (path) => {
        await mkdir(join(path, 'base'), { recursive: true });
        await copyFile(join(cluster, 'PG_VERSION'), join(path, 'PG_VERSION'));
        await chmod(join(path, 'base'), 0o000);
        await chmod(path, 0o000);
      },
    ],
  ];

  test.each(KINDS)('%s', async (_, make) => {
    const damaged = join(folder, 'damaged');
    await mkdir(damaged);
    await make(join(damaged, 'cluster'));
    await removePostgres(damaged);
    expect(await isPresent(damaged)).toBe(false);
  });

  test('a file in the place of the data directory', async () => {
    const damaged = join(folder, 'damaged');
    await writeFile(damaged, '');
    await removePostgres(damaged);
    expect(await isPresent(damaged)).toBe(false);
  });

  test('the database that a link leads to, and no other file in its folder', async () => {
    const elsewhere = join(folder, 'elsewhere');
    const damaged = join(folder, 'damaged');
    await mkdir(damaged);
    await mkdir(join(elsewhere, 'cluster'), { recursive: true });
    await writeFile(join(elsewhere, 'photographs'), 'of the family');
    await symlink('../elsewhere/cluster', join(damaged, 'cluster'));
    await removePostgres(damaged);
    expect(await isPresent(damaged)).toBe(false);
    expect(await readdir(elsewhere)).toEqual(['photographs']);
  });
});

describe('a recovery from a crash', () => {
  const ROWS = 600_000;
  /** A busy machine needs seconds until a server says that it is starting. */
  const SILENCE_MS = 5_000;
  /** Four reports take longer than SILENCE_MS. */
  const REPORT_MS = 1_500;

  beforeAll(crash);

  /** A server that is starting, whose recovery a test has stopped. */
  type StoppedRecovery = {
    launched: Promise<Postmaster>;
    server: number;
    recovery: number;
    port: number;
    lines: string[];
  };

  let stopped: number | undefined;
  afterEach(() => resumeRecovery());

  /** Lets the stopped process continue, if there is one. */
  function resumeRecovery(): void {
    if (stopped !== undefined) process.kill(stopped, 'SIGCONT');
    stopped = undefined;
  }

  /** Kills a server that has written 100 MB, whose recovery takes long enough for a test to find it. */
  async function crash(): Promise<void> {
    await withServer(async (server) => {
      const client = new pg.Client(server.adminUrl);
      client.on('error', () => undefined);
      await client.connect();
      await client.query('DROP TABLE IF EXISTS filler');
      await client.query(`CREATE TABLE filler AS SELECT repeat('x', 300) FROM generate_series(1, ${ROWS})`);
      await server.kill();
    });
  }

  async function launch(signal?: AbortSignal): Promise<Omit<StoppedRecovery, 'server' | 'recovery'>> {
    const home = await findHome(dataDir, await findPostgresBinaries());
    if (home === undefined) throw new Error('the cluster is gone');
    const lines: string[] = [];
    const port = await findFreePort();
    const onLog = (line: string) => lines.push(line);
    const options = { home, port, durable: true, onLog, silenceMs: SILENCE_MS, reportMs: REPORT_MS };
    return { launched: launchPostmaster(options, signal), port, lines };
  }

  /** Waits a moment, unless the start has failed. */
  const pause = (launched: Promise<Postmaster>, ms = 2): Promise<unknown> =>
    Promise.race([sleep(ms), launched]);

  /** The pids of the server and of its process that recovers, which is stopped; undefined when the recovery was faster. */
  async function stopRecovery(
    launched: Promise<Postmaster>,
  ): Promise<{ server: number; recovery: number } | undefined> {
    for (;;) {
      const file = await readPidFile(cluster);
      // The killed server has left its own pid file, which says that it is ready.
      const children = file === undefined || !(await isRunning(file.pid)) ? [] : await childrenOf(file.pid);
      for (const recovery of children) {
        if (file === undefined || !(await commandOf(recovery)).startsWith('postgres: startup')) continue;
        process.kill(recovery, 'SIGSTOP');
        stopped = recovery;
        return { server: file.pid, recovery };
      }
      if (children.length > 0 && file?.status === 'ready') return undefined;
      await pause(launched);
    }
  }

  /** Starts a server that has to recover and stops its recovery. A busy machine may need several crashes. */
  async function startRecovery(signal?: AbortSignal): Promise<StoppedRecovery> {
    for (;;) {
      const starting = await launch(signal);
      const found = await stopRecovery(starting.launched);
      if (found !== undefined) return { ...starting, ...found };
      await end(await starting.launched);
      await crash();
    }
  }

  async function end(postmaster: Postmaster): Promise<void> {
    await shutDown(postmaster.pid);
    await postmaster.exited;
  }

  test(
    'leaves no server when the start is interrupted',
    async () => {
      const stop = new AbortController();
      const { launched, server, recovery } = await startRecovery(stop.signal);
      stop.abort(new Error('Ctrl-C'));
      resumeRecovery();
      await expect(launched).rejects.toThrow('Ctrl-C');
      expect([await isRunning(server), await isRunning(recovery)]).toEqual([false, false]);
    },
    GENEROUS_MS,
  );

  test(
    'is waited for and reported, and the server is not killed',
    async () => {
      // The interrupted start has left the recovery to this one.
      const { launched, server, port, lines } = await startRecovery();
      const reports = () => lines.filter((line) => /PostgreSQL has been starting for \d+ s/.test(line));
      while (reports().length < 4) await pause(launched, 50);
      expect(await isRunning(server)).toBe(true);

      const events: string[] = [];
      const stop = new AbortController();
      const waiting = waitForServer(
        `postgres://postgres@127.0.0.1:${port}/postgres`,
        createEventLog((line) => events.push(line)),
        stop.signal,
      );
      while (events.length === 0) await pause(launched, 50);
      expect(events[0]).toMatch(/the server of DATABASE_URL says: the database system is .*; waiting for it/);
      stop.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');

      resumeRecovery();
      const postmaster = await launched;
      expect(postmaster.pid).toBe(server);
      await end(postmaster);
    },
    GENEROUS_MS,
  );
});
