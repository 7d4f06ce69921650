// The server between global set-up and tear-down, and those of earlier runs that were killed.
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, removePostgres } from '@holdfast/scripts/postgres';
import { isRunning } from '@holdfast/scripts/processes';

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
  for (const name of await readdir(tmpdir())) {
    const pid = /^holdfast-test-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !(await isRunning(Number(pid)))) await removePostgres(join(tmpdir(), name));
  }
}
