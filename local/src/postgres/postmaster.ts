// One run of a PostgreSQL server on a cluster that exists: from spawn to exit, and the reason when it ends.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GuardedProcess, spawnGuarded } from '../processes/guarded-process.js';
import type { PostgresHome } from './home.ts';
import { readPidFile } from './pid-file.ts';
import { ENDING } from './shutdown.ts';

const POLL_MS = 20;
/** How long a server may say nothing of itself. */
const SILENCE_MS = 60_000;
/** How often a start that takes long is reported. */
const REPORT_MS = 10_000;

/** How a server ended; `reason` is its own words, '' when it had none. */
export type PostgresExit = { code: number | null; signal: NodeJS.Signals | null; reason: string };

export type Postmaster = { pid: number; exited: Promise<PostgresExit> };

export type PostmasterOptions = {
  home: PostgresHome;
  port: number;
  durable: boolean;
  onLog: (line: string) => void;
  /** How long the server may be silent, and how often a long start is reported. */
  silenceMs?: number;
  reportMs?: number;
};

/**
 * Starts a server and waits until it takes connections, however long it recovers. Throws with the server's own reason, or
 * the reason of `signal`; then no server is left. The server ends with this process, also when that is killed.
 */
export async function launchPostmaster(
  options: PostmasterOptions,
  signal?: AbortSignal,
): Promise<Postmaster> {
  const { home } = options;
  const server = spawnGuarded(home.binaries.postgres, listServerArguments(options), {
    account: home.account,
    ending: ENDING,
    cwd: home.cluster,
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' },
  });
  const reasons: string[] = [];
  for (const stream of server.output) {
    createInterface({ input: stream }).on('line', (line) => {
      if (/^(FATAL|PANIC|ERROR|HINT):|error while loading|could not /.test(line)) reasons.push(line);
      options.onLog(line);
    });
  }
  const exited = server.ended.then(
    ({ code, signal, failure }): PostgresExit => ({
      code,
      signal,
      reason: failure ?? reasons.slice(-3).join('; '),
    }),
  );
  try {
    const pid = await waitUntilReady(server, exited, options, signal);
    reasons.length = 0;
    return { pid, exited };
  } catch (error) {
    server.end();
    await exited;
    throw error;
  }
}

/**
 * The server's pid, once it takes connections. Waits as pg_ctl does: line 8 of postmaster.pid says `ready`. While it says
 * `starting`, the server recovers from a crash, which takes as long as it takes: a server that is killed for being slow
 * would begin again.
 */
async function waitUntilReady(
  server: GuardedProcess,
  exited: Promise<PostgresExit>,
  { home, onLog, silenceMs = SILENCE_MS, reportMs = REPORT_MS }: PostmasterOptions,
  signal: AbortSignal | undefined,
): Promise<number> {
  const pid = await server.pid;
  let exit: PostgresExit | undefined;
  void exited.then((value) => {
    exit = value;
  });
  const startedAt = Date.now();
  let heardAt = startedAt;
  let reportedAt = startedAt;
  for (;;) {
    signal?.throwIfAborted();
    const file = await readPidFile(home.cluster);
    const status = file?.pid === pid ? file?.status : undefined;
    if (pid !== undefined && status === 'ready') return pid;
    if (exit !== undefined)
      throw new Error(`PostgreSQL did not start: ${exit.reason || `exit code ${exit.code ?? exit.signal}`}`);
    const now = Date.now();
    if (status === 'starting') heardAt = now;
    if (now - heardAt > silenceMs)
      throw new Error(`PostgreSQL was not ready after ${silenceMs / 1000} s (status ${status || 'unknown'})`);
    if (now - reportedAt >= reportMs) {
      reportedAt = now;
      onLog(
        `LOG:  PostgreSQL has been starting for ${Math.round((now - startedAt) / 1000)} s (recovery after a crash); waiting for it`,
      );
    }
    await sleep(POLL_MS);
  }
}

function listServerArguments({ home, port, durable }: PostmasterOptions): string[] {
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
