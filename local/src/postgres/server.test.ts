// The embedded server: it survives being killed, and says in one line what is wrong.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { freePort } from '../processes/ports.ts';
import { childrenOf, isRunning, waitUntilGone } from '../processes/processes.js';
import { type EmbeddedPostgres, removePostgres, startPostgres } from './server.ts';

let folder: string;
let dataDir: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-postgres-'));
  await chmod(folder, 0o755);
  dataDir = join(folder, 'data');
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

async function started<Result>(use: (server: EmbeddedPostgres) => Promise<Result>): Promise<Result> {
  const server = await startPostgres({ dataDir });
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

test('what is committed survives stop, kill and restart', async () => {
  await started(async (server) => {
    expect(await query(server, `SELECT current_setting('fsync')`)).toEqual(['on']);
    await query(server, 'CREATE TABLE kept (i int)');
    for (let round = 0; round < 3; round += 1) {
      await query(server, `INSERT INTO kept VALUES (${round})`);
      const children = await childrenOf(server.pid);
      expect(children.length).toBeGreaterThan(0);
      await server.kill();
      expect((await server.exited).signal).toBe('SIGKILL');
      expect(await Promise.all(children.map(isRunning))).not.toContain(true);
      await server.restart();
    }
  });
  expect(await started((server) => query(server, 'SELECT i FROM kept ORDER BY i'))).toEqual([0, 1, 2]);
});

test('it takes no connection without the password, which is in a file of the owner only', async () => {
  await started(async (server) => {
    const url = new URL(server.adminUrl);
    url.password = 'wrong';
    const client = new pg.Client(url.href);
    await expect(client.connect()).rejects.toThrow('password authentication failed');
    expect(await query(server, 'SHOW listen_addresses')).toEqual(['127.0.0.1']);
    expect(await query(server, 'SHOW unix_socket_directories')).toEqual(['']);
  });
  expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
});

test('a second server on the same data is refused with one line', async () => {
  await started(async () => {
    await expect(startPostgres({ dataDir })).rejects.toThrow(
      `the PostgreSQL data in ${dataDir} is in use by process ${process.pid}`,
    );
  });
});

/** A process that has a server, and the server's pid. */
async function startElsewhere(): Promise<{ starter: ChildProcess; pid: number }> {
  const script = join(folder, 'starter.mjs');
  const module = new URL('./server.ts', import.meta.url).href;
  await writeFile(
    script,
    `import { startPostgres } from ${JSON.stringify(module)};
     process.send((await startPostgres({ dataDir: ${JSON.stringify(dataDir)} })).pid);`,
  );
  const starter = fork(script, [], { execArgv: [] });
  const [pid] = await once(starter, 'message');
  return { starter, pid };
}

test('a server ends in order with the process that started it, when that is killed', async () => {
  const { starter, pid } = await startElsewhere();
  const backends = await childrenOf(pid);
  starter.kill('SIGKILL');
  expect(await waitUntilGone([pid, ...backends], 20_000)).toBe(true);

  const lines: string[] = [];
  const server = await startPostgres({ dataDir, onLog: (line) => lines.push(line) });
  await server.stop();
  expect(lines.join('\n')).not.toMatch(/was interrupted|not properly shut down/);
});

test('a server that was left running all the same is stopped first', async () => {
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

test('a stale postmaster.pid whose pid is another program by now does not stop the start', async () => {
  await started(async (server) => {
    await server.kill();
  });
  const cluster = join(dataDir, 'cluster');
  await writeFile(join(cluster, 'postmaster.pid'), `${process.pid}\n${cluster}\n1\n5432\n`);
  expect(await started((server) => query(server, 'SELECT 1'))).toEqual([1]);
});

test('it keeps its port, and says so when it has to take another one', async () => {
  const port = await started(async (server) => server.port);
  expect(await started(async (server) => server.port)).toBe(port);
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
  expect(await started(async (again) => again.port)).toBe(server.port);
});

test('a port in use is reported in the server’s own words', async () => {
  const port = await freePort();
  const taken = createServer().listen(port, '127.0.0.1');
  await once(taken, 'listening');
  try {
    await expect(startPostgres({ dataDir, port })).rejects.toThrow(
      /^PostgreSQL did not start: .*Address already in use/,
    );
  } finally {
    taken.close();
  }
  // And the data directory is free again.
  expect(await started((server) => query(server, 'SELECT 1'))).toEqual([1]);
});
