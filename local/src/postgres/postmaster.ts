// One run of a PostgreSQL server on an existing cluster, from its start to its end with the reason.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GuardedProcess, spawnGuarded } from '../processes/guarded-process.js';
import type { PostgresHome } from './home.ts';
import { readPidFile } from './pid-file.ts';
import { ENDING } from './shutdown.ts';

const POLL_MS = 20;
/** A start fails after this time without a status from the server. */
const SILENCE_MS = 60_000;
/** A long start is reported at this interval. */
const REPORT_MS = 10_000;

/** How a server ended; `reason` is the server's own message, or ''. */
export type PostgresExit = { code: number | null; signal: NodeJS.Signals | null; reason: string };

export type Postmaster = { pid: number; exited: Promise<PostgresExit> };

export type PostmasterOptions = {
  home: PostgresHome;
  port: number;
  durable: boolean;
  onLog: (line: string) => void;
  /** For tests, in place of SILENCE_MS and REPORT_MS. */
  silenceMs?: number;
  reportMs?: number;
};

/**
 * Starts a server and waits until it accepts connections; a recovery may take any time. Throws with the server's own reason, or the
 * reason of `signal`, and then the server has ended. The server ends with this process, also when this process is killed.
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
 * Waits until the server accepts connections and returns its pid. As pg_ctl does, it waits for `ready` in line 8 of postmaster.pid.
 * While the line is `starting`, the server recovers from a crash. That has no limit of time, because a server that is killed during
 * its recovery must begin again.
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
    // The client of a failed statement reports the error; the log is for events of the server itself.
    log_min_messages: 'log',
    // Details and statements contain values of rows, such as password hashes.
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', home.cluster, '-p', String(port), ...flags];
}
