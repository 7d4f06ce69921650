// One run of a PostgreSQL server on a cluster that exists: from spawn to exit, and the reason when it ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresHome } from './postgres-home.js';

const POLL_MS = 20;
// Crash recovery of a big cluster takes its time; `starting` is reported in the meantime.
const READY_TIMEOUT_MS = 60_000;

/** How a server ended; `reason` is its own words, '' when it had none. */
export type PostgresExit = { code: number | null; signal: NodeJS.Signals | null; reason: string };

export type Postmaster = { pid: number; process: ChildProcess; exited: Promise<PostgresExit> };

export type PostmasterOptions = {
  home: PostgresHome;
  port: number;
  durable: boolean;
  onLog: (line: string) => void;
};

/** Starts a server and waits until it takes connections. Throws with the server's own reason. */
export async function launchPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { home } = options;
  const child = spawn(home.binaries.postgres, serverArguments(options), {
    ...home.account,
    cwd: home.cluster,
    // Its own process group: Ctrl-C in a terminal must not stop it before those who use it.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' },
  });
  const reasons: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (/^(FATAL|PANIC|ERROR|HINT):|error while loading|could not /.test(line)) reasons.push(line);
    options.onLog(line);
  });
  const exited = once(child, 'close').then(
    ([code, signal]): PostgresExit => ({ code, signal, reason: reasons.slice(-3).join('; ') }),
    (error: Error): PostgresExit => ({ code: null, signal: null, reason: error.message }),
  );
  const pid = child.pid;
  if (pid === undefined) throw new Error(`PostgreSQL did not start: ${(await exited).reason}`);
  await ready(home, pid, exited);
  reasons.length = 0;
  return { pid, process: child, exited };
}

/** `postmaster.pid` as the server writes it; undefined when there is none. */
export async function readPidFile(home: PostgresHome): Promise<{ pid: number; status: string } | undefined> {
  const text = await readFile(join(home.cluster, 'postmaster.pid'), 'utf8').catch(() => undefined);
  const lines = text?.split('\n') ?? [];
  return lines[0] === undefined ? undefined : { pid: Number(lines[0]), status: lines[7]?.trim() ?? '' };
}

/** Waits as pg_ctl does: line 8 of postmaster.pid says `ready`. */
async function ready(home: PostgresHome, pid: number, exited: Promise<PostgresExit>): Promise<void> {
  let exit: PostgresExit | undefined;
  void exited.then((value) => {
    exit = value;
  });
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const file = await readPidFile(home);
    if (file?.pid === pid && file.status === 'ready') return;
    if (exit !== undefined) {
      throw new Error(`PostgreSQL did not start: ${exit.reason || `exit code ${exit.code ?? exit.signal}`}`);
    }
    if (Date.now() > deadline) {
      process.kill(pid, 'SIGQUIT');
      throw new Error(
        `PostgreSQL was not ready after ${READY_TIMEOUT_MS / 1000} s (status ${file?.status || 'unknown'})`,
      );
    }
    await sleep(POLL_MS);
  }
}

function serverArguments({ home, port, durable }: PostmasterOptions): string[] {
  const onOff = durable ? 'on' : 'off';
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    fsync: onOff,
    synchronous_commit: onOff,
    full_page_writes: onOff,
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_destination: 'stderr',
    logging_collector: 'off',
    log_line_prefix: '',
    // A statement that fails is its client's to report; the log is for what happens to the server.
    log_min_messages: 'log',
    // Details and statements hold what rows hold, password hashes too.
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', home.cluster, '-p', String(port), ...flags];
}
