// The migrator: brings a database to the present version (the schemas of the services, the queue, the roles). It is safe to run at any
// time, and several migrators may run at once.
import { createHash } from 'node:crypto';
import type { MigrationList } from '@prisma/schema-engine-wasm/schema_engine_bg';
import { Logger, runMigrations } from 'graphile-worker';
import pg from 'pg';
import { NO_FILTERS, readMigrations, readSchema } from './history.ts';
import { grantRoles, hasOpenFunctions, QUEUE_SCHEMA, type RolePasswords } from './roles.ts';

const NEEDED_VERSION = 15;

export type MigrateOptions = {
  /** URL of the database as a role that may create schemas and roles. */
  adminUrl: string;
  rolePasswords: RolePasswords;
  /** Receives one line for each step, without passwords. */
  log: (line: string) => void;
};

/**
 * Applies the missing migrations, as `prisma migrate deploy` does, with its table `_prisma_migrations` in `public`.
 * Returns the names of the applied migrations. Throws an error of one line when the server is too old or cannot be reached, and
 * Prisma's own error for a migration that fails or failed before.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const client = new pg.Client({ connectionString: options.adminUrl, connectionTimeoutMillis: 10_000 });
  // A connection that breaks makes the present statement fail, and that error is reported.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await checkServerVersion(client);
    await takeMigrationLock(client, options.log);
    const applied = await applyMigrations(client, options.adminUrl, options.log);
    for (const name of applied) options.log(`applied migration ${name}`);
    await migrateQueue(options.adminUrl);
    await grantRoles(client, options.rolePasswords);
    if (await hasOpenFunctions(client))
      options.log('large objects and advisory locks are open to every role: only a superuser can close them');
    return applied;
  } finally {
    // Ends the session, and with it the lock.
    await client.end();
  }
}

async function checkServerVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
  const version = rows[0]?.server_version ?? 'unknown';
  if (Number.parseInt(version, 10) >= NEEDED_VERSION) return;
  throw new Error(`expected PostgreSQL ${NEEDED_VERSION} or later, the server of DATABASE_URL is ${version}`);
}

async function takeMigrationLock(client: pg.Client, log: (line: string) => void): Promise<void> {
  const key = `hashtextextended('holdfast.migrate', 0)`;
  const { rows } = await client.query<{ taken: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS taken`);
  if (rows[0]?.taken) return;
  log('another migrator works on this database; waiting for it');
  await client.query(`SELECT pg_advisory_lock(${key})`);
}

async function applyMigrations(
  client: pg.Client,
  adminUrl: string,
  log: (line: string) => void,
): Promise<string[]> {
  const migrationsList = await readMigrations();
  if (await isUpToDate(client, migrationsList)) return [];
  // Loaded only for a database that is behind, because the engine costs more than all other work of a migrator.
  const { withSchemaEngine } = await import('./schema-engine.ts');
  const schema = await readSchema();
  const input = { migrationsList, filters: NO_FILTERS };
  return withSchemaEngine({ adminUrl, schema, log }, async (engine) => {
    const { editedMigrationNames } = await engine.diagnoseMigrationHistory({
      ...input,
      optInToShadowDatabase: false,
    });
    for (const name of editedMigrationNames) {
      log(`warning: migration ${name} was edited after it had been applied to this database`);
    }
    for (const migrationName of await listUnfinishedMigrations(client)) {
      log(`migration ${migrationName} was interrupted; it is run again`);
      await engine.markMigrationRolledBack({ migrationName });
    }
    return (await engine.applyMigrations(input)).appliedMigrationNames;
  });
}

/** Whether the database has had exactly these scripts, and each to its end: then the engine has nothing to do and to report. */
async function isUpToDate(client: pg.Client, { migrationDirectories }: MigrationList): Promise<boolean> {
  if (!(await hasHistory(client))) return false;
  const { rows } = await client.query<{ name: string; checksum: string | null }>(
    `SELECT migration_name AS name, CASE WHEN finished_at IS NOT NULL AND rolled_back_at IS NULL THEN checksum END AS checksum
       FROM public._prisma_migrations`,
  );
  const applied = new Map(rows.map(({ name, checksum }) => [name, checksum]));
  return (
    rows.length === migrationDirectories.length &&
    migrationDirectories.every(
      ({ path, migrationFile: { content } }) =>
        applied.get(path) === createHash('sha256').update(content.value).digest('hex'),
    )
  );
}

async function hasHistory(client: pg.Client): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT WHERE to_regclass('public._prisma_migrations') IS NOT NULL`,
  );
  return rowCount === 1;
}

/**
 * Lists the migrations that a killed migrator had begun. A script is one transaction, or one statement that can be repeated, so a
 * killed script leaves no change. Only when the migrator was killed between the end of the script and its record, the repetition
 * fails with a clear error. No other migrator runs them now, because this runs under the migrators' lock.
 */
async function listUnfinishedMigrations(client: pg.Client): Promise<string[]> {
  if (!(await hasHistory(client))) return [];
  const { rows } = await client.query<{ name: string }>(
    `SELECT migration_name AS name FROM public._prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL`,
  );
  return rows.map(({ name }) => name);
}

async function migrateQueue(connectionString: string): Promise<void> {
  await runMigrations({
    connectionString,
    schema: QUEUE_SCHEMA,
    maxPoolSize: 2,
    logger: new Logger(() => () => undefined),
  });
}
