// Runs the script of a migration while the shop is open. Most changes of a table need its strongest lock for a moment. While a
// statement waits for that lock (behind a long report, for example), every other statement on the table waits behind it. So the
// script waits for two seconds, lets the others go on for one, and tries again, until it gets the lock.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { indexesIn, isConcurrent } from './migration-rules.ts';

const LOCK_TIMEOUT_MS = 2_000;
const PAUSE_MS = 1_000;
/** lock_not_available, deadlock_detected (https://www.postgresql.org/docs/current/errcodes-appendix.html) */
const LOCK_CODES = new Set(['55P03', '40P01']);

/**
 * Runs the script as one transaction. When it cannot get a lock, PostgreSQL undoes it, and it runs again after a pause. CREATE INDEX
 * CONCURRENTLY runs alone, without a transaction and without a timeout, because it takes no lock that writers wait for.
 */
export async function runPolitely(pool: pg.Pool, script: string, log: (line: string) => void): Promise<void> {
  const client = await pool.connect();
  try {
    if (isConcurrent(script)) await buildIndex(client, script);
    else await tryUntilLocked(client, script, log);
  } finally {
    // Closes the connection, whose lock_timeout must not stay in the pool.
    client.release(true);
  }
}

async function tryUntilLocked(
  client: pg.ClientBase,
  script: string,
  log: (line: string) => void,
): Promise<void> {
  await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
  for (;;) {
    try {
      await client.query(script);
      return;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || !LOCK_CODES.has(error.code ?? '')) throw error;
      log(`another transaction holds a lock that the migration needs (${error.message}); trying again`);
    }
    await sleep(PAUSE_MS);
  }
}

/** An interrupted build leaves an invalid index with the name that the new one needs, so that index is dropped first. */
async function buildIndex(client: pg.ClientBase, script: string): Promise<void> {
  const [index] = indexesIn(script);
  const { rows } = await client.query<{ name: string }>(
    `SELECT indexrelid::regclass::text AS name
       FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
      WHERE NOT indisvalid AND relname = $1 AND indrelid = to_regclass($2)`,
    [index?.index ?? '', index?.table ?? ''],
  );
  for (const { name } of rows) await client.query(`DROP INDEX CONCURRENTLY ${name}`);
  await client.query(script);
}
