// The migrator and the status that services wait for.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { readMigrations } from './history.ts';
import { migrate } from './migrate.ts';
import { databaseStatus, waitForDatabase } from './status.ts';
import { createTestDatabase, type TestDatabase, testServer } from './testing.ts';
import { SERVICES, serviceRole } from './urls.ts';

// The migrator: its result, which several migrators at once do not change.
describe('the migrator', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createTestDatabase({ empty: true });
  });

  afterEach(async () => {
    await database.release();
  });

  function run(log: (line: string) => void = () => undefined): Promise<string[]> {
    return migrate({ adminUrl: database.adminUrl, rolePasswords: testServer().rolePasswords, log });
  }

  async function rows(sql: string): Promise<unknown[][]> {
    const client = new pg.Client(database.adminUrl);
    await client.connect();
    try {
      return (await client.query({ text: sql, rowMode: 'array' })).rows;
    } finally {
      await client.end();
    }
  }

  async function migrationNames(): Promise<string[]> {
    return (await readMigrations()).migrationDirectories.map(({ path }) => path);
  }

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

  test('an empty database gets every migration, once', async () => {
    const names = await migrationNames();
    expect(names.length).toBeGreaterThan(0);
    expect(await run()).toEqual(names);
    expect(await run()).toEqual([]);
    const history = await rows(
      'SELECT migration_name, applied_steps_count, finished_at IS NOT NULL FROM public._prisma_migrations ORDER BY 1',
    );
    expect(history).toEqual(names.map((name) => [name, 1, true]));
  });

  test.each([2, 8])('%i migrators at once on an empty database apply each migration once', async (count) => {
    const results = await Promise.all(Array.from({ length: count }, () => run()));
    const names = await migrationNames();
    expect(results.flat()).toEqual(names);
    expect(await rows('SELECT count(*)::int FROM public._prisma_migrations')).toEqual([[names.length]]);
    expect(await rows(`SELECT to_regclass('graphile_worker._private_jobs') IS NOT NULL`)).toEqual([[true]]);
  });

  test('migrators of different databases of one server do not disturb each other over the roles', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => createTestDatabase({ empty: true })));
    try {
      const { rolePasswords } = testServer();
      await Promise.all(
        [database, ...others].map(({ adminUrl }) =>
          migrate({ adminUrl, rolePasswords, log: () => undefined }),
        ),
      );
    } finally {
      await Promise.all(others.map((other) => other.release()));
    }
  });

  test.each([
    ['open', false],
    ['closed to all but the owner, as the manifest of production has it', true],
  ])(
    'an owner who is no superuser, and may create roles, can migrate: functions are %s',
    async (_, isClosed) => {
      const owner = `owner_${process.pid}_${Date.now()}`;
      // On a server of its own it would have made the services' roles itself, which gives the same right to them: from
      // PostgreSQL 16 on. Before, who may create roles may change any.
      await rows(`CREATE ROLE ${owner} LOGIN CREATEROLE PASSWORD 'p'`);
      try {
        const [[version] = []] = await rows('SHOW server_version_num');
        if (Number(version) >= 160_000)
          await rows(
            `GRANT ${SERVICES.map(serviceRole).join(', ')} TO ${owner} WITH ADMIN OPTION, INHERIT FALSE, SET FALSE`,
          );
        const url = new URL(database.adminUrl);
        await rows(`ALTER DATABASE ${url.pathname.slice(1)} OWNER TO ${owner}`);
        url.username = owner;
        url.password = 'p';
        if (isClosed) await rows((await statementOfProduction()).replaceAll('holdfast_migrator', owner));
        const { rolePasswords } = testServer();
        const lines: string[] = [];
        const names = await migrate({ adminUrl: url.href, rolePasswords, log: (line) => lines.push(line) });
        expect(names).toEqual(await migrationNames());
        expect(lines.some((line) => line.includes('only a superuser can close them'))).toBe(!isClosed);
        const service = new pg.Client(database.urls.users);
        await service.connect();
        await service.query(`SELECT users.take_turn('role')`);
        const lock = service.query('SELECT pg_advisory_xact_lock(1)');
        await (isClosed ? expect(lock).rejects.toThrow('permission denied') : lock);
        await service.end();
        expect(await databaseStatus(database.urls.orders)).toEqual({ ready: true });
      } finally {
        await rows(`REASSIGN OWNED BY ${owner} TO CURRENT_USER`);
        await rows(`DROP OWNED BY ${owner}`);
        await rows(`DROP ROLE ${owner}`);
      }
    },
  );

  test('a migration that was edited after it had been applied is reported and not run again', async () => {
    await run();
    await rows(`UPDATE public._prisma_migrations SET checksum = repeat('0', 64)`);
    const lines: string[] = [];
    expect(await run((line) => lines.push(line))).toEqual([]);
    const [first] = await migrationNames();
    expect(lines[0]).toBe(
      `warning: migration ${first} was edited after it had been applied to this database`,
    );
  });

  test('a migration that a killed migrator had begun is run again', async () => {
    await run();
    // A killed migrator leaves the record of the begun migration, and PostgreSQL undoes its transaction.
    await rows('DROP SCHEMA users, products, orders CASCADE');
    await rows('UPDATE public._prisma_migrations SET finished_at = NULL, applied_steps_count = 0');
    const lines: string[] = [];
    expect(await run((line) => lines.push(line))).toEqual(await migrationNames());
    expect(lines[0]).toMatch(/was interrupted; it is run again$/);
    expect(await run()).toEqual([]);
  });

  test('its log names migrations and no password', async () => {
    const lines: string[] = [];
    await run((line) => lines.push(line));
    expect(lines).toEqual((await migrationNames()).map((name) => `applied migration ${name}`));
    const text = lines.join('\n');
    for (const service of SERVICES) expect(text).not.toContain(testServer().rolePasswords[service]);
  });
});

// The check for which a starting service waits, with the services' own roles and through the command line.
describe('the status of a database', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createTestDatabase();
  });

  afterEach(async () => {
    await database.release();
  });

  async function sql(text: string): Promise<void> {
    const client = new pg.Client(database.adminUrl);
    await client.connect();
    await client.query(text);
    await client.end();
  }

  function run(args: string[], env: Record<string, string>): Promise<{ code: number; output: string }> {
    const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));
    return new Promise((resolve) => {
      execFile(process.execPath, [cli, ...args], { env }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
      });
    });
  }

  test.each(SERVICES)('the role of %s sees that a migrated database is ready', async (service) => {
    expect(await databaseStatus(database.urls[service])).toEqual({ ready: true });
  });

  test('a database that lacks a migration, or has only half of one, is not ready and says which', async () => {
    await sql(`UPDATE public._prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '%_init'`);
    expect(await databaseStatus(database.urls.orders)).toEqual({
      ready: false,
      reason: expect.stringMatching(/^the database lacks 1 migration\(s\): \d+_init$/),
    });
  });

  test('a database with one more migration than this build is ready, because the previous version must run on it', async () => {
    await sql(`INSERT INTO public._prisma_migrations (id, checksum, migration_name, finished_at)
             VALUES ('later', 'x', '99999999999999_later', now())`);
    expect(await databaseStatus(database.urls.users)).toEqual({ ready: true });
  });

  test('a waiting service logs each reason once and goes on as soon as the migrator is done', async () => {
    const empty = await createTestDatabase({ empty: true });
    try {
      const lines: string[] = [];
      const waiting = waitForDatabase(empty.urls.users, 20_000, (line) => lines.push(line));
      await migrate({
        adminUrl: empty.adminUrl,
        rolePasswords: testServer().rolePasswords,
        log: () => undefined,
      });
      expect(await waiting).toEqual({ ready: true });
      expect(new Set(lines).size).toBe(lines.length);
      expect(lines[0]).toMatch(/^the database cannot be read: /);
    } finally {
      await empty.release();
    }
  });

  test('`wait` handles SIGTERM and exits, because process 1 of a container is not ended by an unhandled signal', async () => {
    const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));
    const child = spawn(process.execPath, [cli, 'wait'], {
      env: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close');
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await ended).toEqual([143, null]);
  });

  test('`status` ends with 0 or 1 and a clear line, and needs no password of another role', async () => {
    const env = { DATABASE_URL: database.urls.products };
    expect(await run(['status'], env)).toEqual({ code: 0, output: 'the database has every migration\n' });
    await sql(`DELETE FROM public._prisma_migrations WHERE migration_name LIKE '%_init'`);
    const behind = await run(['status'], env);
    expect(behind).toMatchObject({ code: 1, output: expect.stringContaining('lacks 1 migration(s)') });
  });

  test('its output never has the password', async () => {
    const url = new URL(database.urls.orders);
    url.password = 'not-the-password-at-all';
    const { code, output } = await run(['status'], { DATABASE_URL: url.href });
    expect(code).toBe(1);
    expect(output).toContain('28P01');
    expect(output).not.toContain(url.password);
  });

  test('an unknown argument is refused', async () => {
    const { code, output } = await run(['statsu'], { DATABASE_URL: database.adminUrl });
    expect(code).toBe(1);
    expect(output).toContain('unknown argument statsu');
  });
});
