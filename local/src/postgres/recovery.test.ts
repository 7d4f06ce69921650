// A server that recovers from a crash is waited for as long as it recovers, and said to be waited for. The recovery is a
// real one; stopping the process that does it (SIGSTOP) makes it as long as the test needs.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { freePort } from '../processes/ports.ts';
import { childrenOf, commandOf, isRunning } from '../processes/processes.js';
import { waitForServer } from '../stack/database-server.ts';
import { createEventLog } from '../stack/event-log.ts';
import { findPostgresBinaries } from './binaries.ts';
import { findHome, type PostgresHome } from './home.ts';
import { readPidFile } from './pid-file.ts';
import { launchPostmaster, type Postmaster } from './postmaster.ts';
import { removePostgres, startPostgres } from './server.ts';
import { shutDown } from './shutdown.ts';

const ROWS = 600_000;
const SILENCE_MS = 500;
const REPORT_MS = 400;

// On a busy machine the server may have recovered before a test has looked: then it begins again, with another crash.
jest.retryTimes(3);

let folder: string;
let dataDir: string;
let home: PostgresHome;
let lines: string[];
let port: number;
let stopped: number | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-recovery-'));
  await chmod(folder, 0o755);
  dataDir = join(folder, 'data');
  await crash('CREATE TABLE kept AS SELECT 1 AS i');
  const found = await findHome(dataDir, await findPostgresBinaries());
  if (found === undefined) throw new Error('the cluster is gone');
  home = found;
}, 120_000);

afterAll(async () => {
  await removePostgres(dataDir);
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  // 100 MB to recover, which takes long enough to be met in the middle.
  await crash(`CREATE TABLE filler AS SELECT repeat('x', 300) FROM generate_series(1, ${ROWS})`);
  lines = [];
  port = await freePort();
}, 120_000);

afterEach(() => {
  resumeRecovery();
});

/** Lets the stopped process go on, if there is one. */
function resumeRecovery(): void {
  if (stopped !== undefined) process.kill(stopped, 'SIGCONT');
  stopped = undefined;
}

async function crash(sql: string): Promise<void> {
  const server = await startPostgres({ dataDir });
  const client = new pg.Client(server.adminUrl);
  client.on('error', () => undefined);
  await client.connect();
  await client.query('DROP TABLE IF EXISTS filler');
  await client.query(sql);
  await server.kill();
  await server.stop();
}

const launch = (signal?: AbortSignal): Promise<Postmaster> =>
  launchPostmaster(
    {
      home,
      port,
      durable: true,
      onLog: (line) => lines.push(line),
      silenceMs: SILENCE_MS,
      reportMs: REPORT_MS,
    },
    signal,
  );

/** Waits a moment, unless the start has failed. */
const pause = (launched: Promise<Postmaster>): Promise<unknown> => Promise.race([sleep(2), launched]);

/** Stops the process that recovers, and gives its pid and the server's. */
async function stopRecovery(launched: Promise<Postmaster>): Promise<{ server: number; recovery: number }> {
  for (;;) {
    const file = await readPidFile(home.cluster);
    // The killed server has left its own, which says that it is ready.
    const children = file === undefined || !(await isRunning(file.pid)) ? [] : await childrenOf(file.pid);
    for (const recovery of children) {
      if (file === undefined || !(await commandOf(recovery)).startsWith('postgres: startup')) continue;
      process.kill(recovery, 'SIGSTOP');
      stopped = recovery;
      return { server: file.pid, recovery };
    }
    if (children.length > 0 && file?.status === 'ready')
      throw new Error('the server recovered before it could be stopped');
    await pause(launched);
  }
}

const reports = () => lines.filter((line) => /PostgreSQL has been starting for \d+ s/.test(line));

test('a long recovery is reported and waited for, and the server is not killed', async () => {
  const launched = launch();
  const { server } = await stopRecovery(launched);
  while (reports().length < 4) await pause(launched);
  expect(await isRunning(server)).toBe(true);

  const events: string[] = [];
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const stop = new AbortController();
  const waiting = waitForServer(
    url,
    createEventLog((line) => events.push(line)),
    stop.signal,
  );
  while (events.length === 0) await pause(launched);
  expect(events[0]).toMatch(/the server of DATABASE_URL says: the database system is .*; waiting for it/);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');

  resumeRecovery();
  const postmaster = await launched;
  expect(postmaster.pid).toBe(server);
  await shutDown(postmaster.pid);
  await postmaster.exited;
}, 120_000);

test('a start that is interrupted while the server recovers leaves no server', async () => {
  const stop = new AbortController();
  const launched = launch(stop.signal);
  const { server, recovery } = await stopRecovery(launched);
  stop.abort(new Error('Ctrl-C'));
  resumeRecovery();
  await expect(launched).rejects.toThrow('Ctrl-C');
  expect([await isRunning(server), await isRunning(recovery)]).toEqual([false, false]);
}, 120_000);
