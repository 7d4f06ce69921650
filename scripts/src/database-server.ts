// The database of a local stack: an embedded server, watched and started again when it dies, or one that
// somebody else runs.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseUrl, SERVICES, serviceRole } from '@holdfast/database';
import pg from 'pg';
import { createBackoff } from './backoff.js';
import type { EventLog } from './event-log.js';
import { type EmbeddedPostgres, startPostgres } from './postgres.js';
import { removeSecrets } from './secrets.js';

/** The name of the system's database in an embedded server. */
export const DATABASE = 'holdfast';

export type DatabaseServer = {
  /** The administrator's URL of the system's database. */
  adminUrl: string;
  /** The embedded server; undefined when it is somebody else's. */
  embedded: EmbeddedPostgres | undefined;
  stop(): Promise<void>;
};

export type DatabaseOptions = {
  dataDir: string;
  databaseUrl: string | undefined;
  log: EventLog;
  supervised: boolean;
  durable?: boolean;
};

/** The folder of the embedded cluster in a data directory. */
export function postgresFolder(dataDir: string): string {
  return join(dataDir, 'postgres');
}

/** Starts the embedded server and makes its database, or takes the one of `databaseUrl` as it is. */
export async function openDatabaseServer(options: DatabaseOptions): Promise<DatabaseServer> {
  const { log } = options;
  if (options.databaseUrl !== undefined) {
    return { adminUrl: options.databaseUrl, embedded: undefined, stop: async () => undefined };
  }
  const embedded = await startPostgres({
    dataDir: postgresFolder(options.dataDir),
    durable: options.durable ?? true,
    onLog: (line) => log.line('postgres', line),
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
 * Roles belong to the whole server: setting passwords that were just made would lock out whoever uses them now.
 * Throws when the server of `databaseUrl` has the services' roles already.
 */
export async function refuseToTakeRolesOver(databaseUrl: string, dataDir: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = ANY($1)', [
      SERVICES.map(serviceRole),
    ]);
    if (rowCount === 0) return;
  } catch (error) {
    throw new Error(
      `the server of DATABASE_URL cannot be used: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
  await removeSecrets(dataDir);
  throw new Error(
    `the server of DATABASE_URL has the services' roles, with passwords that ${dataDir} does not know; set DATA_DIR to the one that does, or drop the roles`,
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

/** Starts the server again whenever it ends, until `end()`. */
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
      // When this fails, `exited` is still the promise of the last run: the next round waits longer.
      await server
        .restart()
        .catch((error: Error) => log.event('error', error.message, { process: 'postgres' }));
    }
  })();
  return {
    async end() {
      ending.abort();
      await watching;
    },
  };
}
