// The database of a local stack: an embedded server, which is started again when it dies, or the external server of DATABASE_URL.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseUrl, SERVICES, serviceRole } from '@holdfast/database';
import pg from 'pg';
import { errorCode } from '../error-code.js';
import { type EmbeddedPostgres, startPostgres } from '../postgres/server.ts';
import { createBackoff } from '../processes/backoff.ts';
import type { EventLog } from './event-log.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const RECOVERY_POLL_MS = 1_000;
/** In tries. */
const REPORT_EVERY = 10;

/** The name of the system's database in an embedded server. */
export const DATABASE = 'holdfast';

export type DatabaseServer = {
  /** The administrator's URL of the system's database. */
  adminUrl: string;
  /** The embedded server; undefined for an external one. */
  embedded: EmbeddedPostgres | undefined;
  stop(): Promise<void>;
};

export type DatabaseOptions = {
  dataDir: string;
  databaseUrl: string | undefined;
  log: EventLog;
  supervised: boolean;
  durable?: boolean;
  /** Ports that the caller will use for other servers. */
  takenPorts?: ReadonlySet<number>;
  signal?: AbortSignal;
};

/** The folder of the embedded cluster in a data directory. */
export function postgresFolder(dataDir: string): string {
  return join(dataDir, 'postgres');
}

/** Starts the embedded server and makes its database, or uses the external server of `databaseUrl`. */
export async function openDatabaseServer(options: DatabaseOptions): Promise<DatabaseServer> {
  const { log } = options;
  if (options.databaseUrl !== undefined) {
    return { adminUrl: options.databaseUrl, embedded: undefined, stop: async () => undefined };
  }
  const embedded = await startPostgres({
    dataDir: postgresFolder(options.dataDir),
    takenPorts: options.takenPorts,
    durable: options.durable ?? true,
    onLog: (line) => log.line('postgres', line),
    signal: options.signal,
  });
  try {
    await ensureDatabase(embedded.adminUrl);
  } catch (error) {
    await embedded.stop();
    throw error;
  }
  const watch = options.supervised ? superviseServer(embedded, log) : undefined;
  return {
    adminUrl: databaseUrl(embedded.adminUrl, DATABASE),
    embedded,
    async stop() {
      await watch?.end();
      await embedded.stop();
    },
  };
}

/**
 * Waits while the server of `url` does not accept connections yet (57P03), as during its recovery from a crash. Throws with one line
 * when the server cannot be used, or the reason of `signal`.
 */
export async function waitForServer(url: string, log: EventLog, signal?: AbortSignal): Promise<void> {
  const startedAt = Date.now();
  for (let tries = 0; ; tries += 1) {
    signal?.throwIfAborted();
    const error = await findConnectionError(url);
    if (error === undefined) return;
    const message = error instanceof Error ? error.message : String(error);
    if (errorCode(error) !== '57P03')
      throw new Error(`the server of DATABASE_URL cannot be used: ${message}`, { cause: error });
    if (tries % REPORT_EVERY === 0) {
      const seconds = Math.round((Date.now() - startedAt) / 1000);
      log.event('info', `the server of DATABASE_URL says: ${message}; waiting for it for ${seconds} s`);
    }
    await sleep(RECOVERY_POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Tries to connect. Returns the error, or undefined. */
async function findConnectionError(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A broken connection also rejects the call that is running.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * Roles belong to the whole server: setting new passwords would lock out the services that use them now.
 * Throws when the server of `databaseUrl` has the services' roles already.
 */
export async function refuseToTakeRolesOver(databaseUrl: string, dataDir: string): Promise<void> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = ANY($1)', [
      SERVICES.map(serviceRole),
    ]);
    if (rowCount === 0) return;
  } finally {
    await client.end();
  }
  throw new Error(
    `the server of DATABASE_URL has the services' roles, with passwords that are not in ${dataDir}; set DATA_DIR to the folder that has them, or drop the roles`,
  );
}

async function ensureDatabase(adminUrl: string): Promise<void> {
  const client = new pg.Client(adminUrl);
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}

/** Starts the server again each time it ends, until `end()`. */
function superviseServer(server: EmbeddedPostgres, log: EventLog): { end(): Promise<void> } {
  const ending = new AbortController();
  const backoff = createBackoff();
  const watching = (async () => {
    const told = new Promise<'told'>((resolve) => {
      ending.signal.addEventListener('abort', () => resolve('told'));
    });
    for (;;) {
      const exit = await Promise.race([server.exited, told]);
      if (exit === 'told' || ending.signal.aborted) return;
      const pauseMs = backoff.next();
      const how = exit.signal ?? `code ${exit.code}`;
      const fields = {
        process: 'postgres',
        code: exit.code,
        signal: exit.signal,
        reason: exit.reason,
        pauseMs,
      };
      log.event('error', `postgres ended (${how}) and is started again in ${pauseMs} ms`, fields);
      await sleep(pauseMs, undefined, { signal: ending.signal }).catch(() => undefined);
      if (ending.signal.aborted) return;
      backoff.started();
      // When the restart fails, `exited` is still the promise of the last run, so the next round follows after a longer pause.
      await server.restart(ending.signal).catch((error: Error) => {
        if (!ending.signal.aborted) log.event('error', error.message, { process: 'postgres' });
      });
    }
  })();
  return {
    async end() {
      ending.abort();
      await watching;
    },
  };
}
