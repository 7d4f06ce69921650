// The server between global set-up and tear-down, and those of earlier runs that were killed.
import { type EmbeddedPostgres, removePostgres } from '@holdfast/scripts/postgres';
import { abandonedFolders } from '../support/abandoned.ts';

type KeptServer = { server: EmbeddedPostgres; dataDir: string };

let kept: KeptServer | undefined;

export function keepServer(server: KeptServer): void {
  kept = server;
}

export async function releaseServer(): Promise<void> {
  if (kept === undefined) return;
  await kept.server.stop();
  await removePostgres(kept.dataDir);
  kept = undefined;
}

/** Removes the servers and data of test runs whose process is gone. */
export async function sweepAbandonedServers(): Promise<void> {
  for (const folder of await abandonedFolders('holdfast-test-')) await removePostgres(folder);
}
