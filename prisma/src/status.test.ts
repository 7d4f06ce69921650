// What a starting service waits for, asked with the services' own roles and through the command line.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { migrate } from './migrate.ts';
import { databaseStatus, waitForDatabase } from './status.ts';
import { createTestDatabase, type TestDatabase, testServer } from './testing.ts';
import { SERVICES } from './urls.ts';

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  await database.drop();
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

test('one that has a migration more than this build is ready: the version before must run on it', async () => {
  await sql(`INSERT INTO public._prisma_migrations (id, checksum, migration_name, finished_at)
             VALUES ('later', 'x', '99999999999999_later', now())`);
  expect(await databaseStatus(database.urls.users)).toEqual({ ready: true });
});

test('who waits is told why, once, and goes on as soon as the migrator is done', async () => {
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
    await empty.drop();
  }
});

test('`wait` ends when it is told to, by its own hand: process 1 of a container ends no other way', async () => {
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

test('nothing that it prints has the password in it', async () => {
  const url = new URL(database.urls.orders);
  url.password = 'not-the-password-at-all';
  const { code, output } = await run(['status'], { DATABASE_URL: url.href });
  expect(code).toBe(1);
  expect(output).toContain('28P01');
  expect(output).not.toContain(url.password);
});

test('an argument that it does not know is refused', async () => {
  const { code, output } = await run(['statsu'], { DATABASE_URL: database.adminUrl });
  expect(code).toBe(1);
  expect(output).toContain('unknown argument statsu');
});
