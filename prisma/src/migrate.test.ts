// The migrator and the status that services wait for.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { readMigrations } from './history.ts';
import { migrate } from './migrate.ts';
import { databaseStatus, type Status, waitForDatabase } from './status.ts';
import { createTestDatabase, type TestDatabase, testServer } from './testing.ts';
import { SERVICES, serviceRole } from './urls.ts';

const { rolePasswords } = testServer();
const silently = () => undefined;

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  return client;
}

async function migrationNames(): Promise<string[]> {
  return (await readMigrations()).migrationDirectories.map(({ path }) => path);
}

describe('the migrator', () => {
  let database: TestDatabase;
  let admin: pg.Client;
  /** What four migrators of the empty database applied, and the lines of their logs. */
  let applied: string[];
  const logged: string[] = [];
  /** The lines of a service that waited meanwhile, and what it found. */
  const waited: string[] = [];
  let found: Status;

  beforeAll(async () => {
    database = await createTestDatabase({ empty: true });
    admin = await connect(database.adminUrl);
    const { promise: isWaiting, resolve } = Promise.withResolvers<void>();
    const waiting = waitForDatabase(database.urls.users, 60_000, (line) => {
      waited.push(line);
      resolve();
    });
    await isWaiting;
    applied = (await Promise.all([1, 2, 3, 4].map(() => run((line) => logged.push(line))))).flat();
    found = await waiting;
  });

  afterAll(async () => {
    await admin.end();
    await database.release();
  });

  const run = (log: (line: string) => void = silently): Promise<string[]> =>
    migrate({ adminUrl: database.adminUrl, rolePasswords, log });

  test('applies each migration once, however many migrators run at once on an empty database', async () => {
    const names = await migrationNames();
    expect(names.length).toBeGreaterThan(0);
    expect(applied).toEqual(names);
    expect(await run()).toEqual([]);
    const { rows } = await admin.query(
      `SELECT migration_name AS name, applied_steps_count AS steps, finished_at IS NOT NULL AS finished
         FROM public._prisma_migrations ORDER BY 1`,
    );
    expect(rows).toEqual(names.map((name) => ({ name, steps: 1, finished: true })));
    await admin.query('SELECT FROM graphile_worker._private_jobs');
  });

  test('logs the names of migrations and no password', async () => {
    const lines = logged.filter((line) => !line.startsWith('another migrator works on this database'));
    expect(lines).toEqual((await migrationNames()).map((name) => `applied migration ${name}`));
    for (const service of SERVICES) expect(logged.join('\n')).not.toContain(rolePasswords[service]);
  });

  test('is waited for by a service, which logs each reason once and goes on as soon as it is done', () => {
    expect(found).toEqual({ ready: true });
    expect(new Set(waited).size).toBe(waited.length);
    expect(waited[0]).toMatch(/^the database cannot be read: /);
  });

  test('is not disturbed over the roles by migrators of other databases of the server', async () => {
    const others = [await createTestDatabase(), await createTestDatabase()];
    for (let round = 0; round < 3; round += 1)
      await Promise.all(
        [database, ...others].map(({ adminUrl }) => migrate({ adminUrl, rolePasswords, log: silently })),
      );
    for (const other of others) await other.release();
  });

  test('reports a migration that was edited after it had been applied, and does not run it again', async () => {
    const edit = 'UPDATE public._prisma_migrations SET checksum = reverse(checksum)';
    await admin.query(edit);
    const lines: string[] = [];
    expect(await run((line) => lines.push(line))).toEqual([]);
    const [first] = await migrationNames();
    expect(lines[0]).toBe(
      `warning: migration ${first} was edited after it had been applied to this database`,
    );
    await admin.query(edit);
  });

  test('runs a migration again that a killed migrator had begun', async () => {
    // A killed migrator leaves the record of the begun migration, and PostgreSQL undoes its transaction.
    await admin.query('DROP SCHEMA users, products, orders CASCADE');
    await admin.query('UPDATE public._prisma_migrations SET finished_at = NULL, applied_steps_count = 0');
    const lines: string[] = [];
    expect(await run((line) => lines.push(line))).toEqual(await migrationNames());
    expect(lines[0]).toMatch(/was interrupted; it is run again$/);
    expect(await run()).toEqual([]);
  });
});

/** The statements that the manifest of production lets a superuser run in a new database. */
async function statementOfProduction(): Promise<string> {
  const manifest = await readFile(
    new URL('../../k8s/overlays/production-data/cluster/cluster.yaml', import.meta.url),
    'utf8',
  );
  const statement = /postInitApplicationSQL:\n +- \|\n([\s\S]*?END \$\$)\n/.exec(manifest)?.[1];
  if (statement === undefined) throw new Error('the manifest has no postInitApplicationSQL');
  return statement;
}

test('an owner who is no superuser, and may create roles, can migrate, while functions are open and once they are closed', async () => {
  const database = await createTestDatabase({ empty: true });
  const admin = await connect(database.adminUrl);
  const owner = `owner_${process.pid}_${Date.now()}`;
  // On a server of its own it would have made the services' roles itself, which gives the same right to them: from
  // PostgreSQL 16 on. Before, who may create roles may change any.
  await admin.query(`CREATE ROLE ${owner} LOGIN CREATEROLE PASSWORD 'p'`);
  try {
    const { rows } = await admin.query('SHOW server_version_num');
    if (Number(rows[0].server_version_num) >= 160_000)
      await admin.query(
        `GRANT ${SERVICES.map(serviceRole).join(', ')} TO ${owner} WITH ADMIN OPTION, INHERIT FALSE, SET FALSE`,
      );
    const url = new URL(database.adminUrl);
    await admin.query(`ALTER DATABASE ${url.pathname.slice(1)} OWNER TO ${owner}`);
    url.username = owner;
    url.password = 'p';
    /** Migrates as the owner; tells what was applied, and whether the log says that functions are open. */
    const run = async () => {
      const lines: string[] = [];
      const names = await migrate({ adminUrl: url.href, rolePasswords, log: (line) => lines.push(line) });
      return { names, isOpen: lines.some((line) => line.includes('only a superuser can close them')) };
    };
    const service = await connect(database.urls.users);
    const lock = () => service.query('SELECT pg_advisory_xact_lock(1)');

    expect(await run()).toEqual({ names: await migrationNames(), isOpen: true });
    await service.query(`SELECT users.take_turn('role')`);
    await lock();

    await admin.query('DROP SCHEMA users, products, orders CASCADE; DROP TABLE public._prisma_migrations');
    await admin.query((await statementOfProduction()).replaceAll('holdfast_migrator', owner));
    expect(await run()).toEqual({ names: await migrationNames(), isOpen: false });
    await service.query(`SELECT users.take_turn('role')`);
    await expect(lock()).rejects.toThrow('permission denied');
    expect(await databaseStatus(database.urls.orders)).toEqual({ ready: true });
    await service.end();
  } finally {
    await admin.query(`REASSIGN OWNED BY ${owner} TO CURRENT_USER`);
    await admin.query(`DROP OWNED BY ${owner}`);
    await admin.query(`DROP ROLE ${owner}`);
    await admin.end();
    await database.release();
  }
});

// The check for which a starting service waits, with the services' own roles and through the command line.
describe('the status of a database', () => {
  const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url));
  let database: TestDatabase;
  let admin: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    admin = await connect(database.adminUrl);
  });

  afterAll(async () => {
    await admin.end();
    await database.release();
  });

  function run(args: string[], env: Record<string, string>): Promise<{ code: number; output: string }> {
    const { NODE_COMPILE_CACHE = '' } = process.env;
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [CLI, ...args],
        { env: { NODE_COMPILE_CACHE, ...env } },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
        },
      );
    });
  }

  test.each(SERVICES)('is seen by the role of %s to be ready when it is migrated', async (service) => {
    expect(await databaseStatus(database.urls[service])).toEqual({ ready: true });
  });

  test('is not ready when it lacks a migration, or has only half of one, and says which', async () => {
    await admin.query(
      `UPDATE public._prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '%_init'`,
    );
    expect(await databaseStatus(database.urls.orders)).toEqual({
      ready: false,
      reason: expect.stringMatching(/^the database lacks 1 migration\(s\): \d+_init$/),
    });
    const status = await run(['status'], { DATABASE_URL: database.urls.orders });
    expect(status).toMatchObject({ code: 1, output: expect.stringContaining('lacks 1 migration(s)') });
    await admin.query('UPDATE public._prisma_migrations SET finished_at = now()');
  });

  test('is ready with one more migration than this build has, because the previous version must run on it', async () => {
    await admin.query(`INSERT INTO public._prisma_migrations (id, checksum, migration_name, finished_at)
                       VALUES ('later', 'x', '99999999999999_later', now())`);
    expect(await databaseStatus(database.urls.users)).toEqual({ ready: true });
  });

  test('makes `status` end with 0 and a clear line, which needs no password of another role', async () => {
    expect(await run(['status'], { DATABASE_URL: database.urls.products })).toEqual({
      code: 0,
      output: 'the database has every migration\n',
    });
  });

  test('makes `status` end with 1 and a reason without the password when the database cannot be read', async () => {
    const url = new URL(database.urls.orders);
    url.password = 'not-the-password-at-all';
    const { code, output } = await run(['status'], { DATABASE_URL: url.href });
    expect(code).toBe(1);
    expect(output).toContain('28P01');
    expect(output).not.toContain(url.password);
  });

  test('refuses an unknown argument', async () => {
    const { code, output } = await run(['statsu'], { DATABASE_URL: database.adminUrl });
    expect(code).toBe(1);
    expect(output).toContain('unknown argument statsu');
  });

  test('is waited for until SIGTERM, because process 1 of a container is not ended by an unhandled signal', async () => {
    const child = spawn(process.execPath, [CLI, 'wait'], {
      env: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close');
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await ended).toEqual([143, null]);
  });
});
