// The PostgreSQL server between global set-up and tear-down, and the servers of earlier runs that were killed.
import { testServer } from '@holdfast/database/testing';
import { type EmbeddedPostgres, removePostgres } from '@holdfast/local/postgres/server';
import pg from 'pg';
import { listAbandonedFolders } from '../support/abandoned.ts';

type KeptServer = { server: EmbeddedPostgres; dataDir: string };

let kept: KeptServer | undefined;

export function keepServer(server: KeptServer): void {
  kept = server;
}

/** Stops the server. From a server that was there before, it removes what the run has added. */
export async function releaseServer(): Promise<void> {
  if (kept === undefined) return dropDatabases();
  await kept.server.stop();
  await removePostgres(kept.dataDir);
  kept = undefined;
}

/** Drops the template and its copies. */
async function dropDatabases(): Promise<void> {
  const { adminUrl, template } = testServer();
  const { rows } = await administer<{ name: string }>(
    adminUrl,
    `SELECT datname AS name FROM pg_database WHERE datname = '${template}' OR starts_with(datname, '${template}_')`,
  );
  for (const { name } of rows) await administer(adminUrl, `DROP DATABASE ${name} WITH (FORCE)`);
}

/** Runs a statement as the administrator. */
export async function administer<Row extends pg.QueryResultRow>(
  adminUrl: string,
  statement: string,
): Promise<pg.QueryResult<Row>> {
  const client = new pg.Client(adminUrl);
  await client.connect();
  try {
    return await client.query<Row>(statement);
  } finally {
    await client.end();
  }
}

/** Removes the servers and data of test runs whose process is gone. */
export async function sweepAbandonedServers(): Promise<void> {
  for (const folder of await listAbandonedFolders('holdfast-test-')) await removePostgres(folder);
}
