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
  if (kept === undefined) {
    const { adminUrl, template } = testServer();
    return administer(adminUrl, `DROP DATABASE ${template}`);
  }
  await kept.server.stop();
  await removePostgres(kept.dataDir);
  kept = undefined;
}

/** Runs a statement as the administrator. */
export async function administer(adminUrl: string, statement: string): Promise<void> {
  const client = new pg.Client(adminUrl);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Removes the servers and data of test runs whose process is gone. */
export async function sweepAbandonedServers(): Promise<void> {
  for (const folder of await listAbandonedFolders('holdfast-test-')) await removePostgres(folder);
}
