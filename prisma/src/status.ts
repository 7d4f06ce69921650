// Checks whether a database has every migration of this build, for which a service waits before it starts. It only reads, and needs
// only the rights of a service's own role.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { readMigrations } from './history.ts';

export type Status = { ready: true } | { ready: false; reason: string };

const CONNECT_TIMEOUT_MS = 5_000;
const POLL_MS = 1_000;

/** Never throws: a database that cannot be reached, or does not know the role yet, is not ready. */
export async function databaseStatus(url: string): Promise<Status> {
  const names = (await readMigrations()).migrationDirectories.map(({ path }) => path);
  try {
    const applied = new Set(await appliedMigrations(url));
    const missing = names.filter((name) => !applied.has(name));
    if (missing.length === 0) return { ready: true };
    return {
      ready: false,
      reason: `the database lacks ${missing.length} migration(s): ${missing.join(', ')}`,
    };
  } catch (error) {
    return { ready: false, reason: `the database cannot be read: ${reasonOf(error)}` };
  }
}

/** Checks until the database is ready or `forMs` have passed. `log` receives a line whenever the reason changes. */
export async function waitForDatabase(
  url: string,
  forMs: number,
  log: (line: string) => void,
): Promise<Status> {
  const until = Date.now() + forMs;
  let told = '';
  for (;;) {
    const status = await databaseStatus(url);
    if (status.ready || Date.now() >= until) return status;
    if (status.reason !== told) log(status.reason);
    told = status.reason;
    await sleep(Math.min(POLL_MS, Math.max(0, until - Date.now())));
  }
}

async function appliedMigrations(url: string): Promise<string[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
    application_name: 'migrations-status',
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      `SELECT migration_name AS name FROM public._prisma_migrations
        WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`,
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Messages of pg may name the user, but never the password. A failed connection has no message but a code. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return [code, message].filter(Boolean).join(' ');
}
