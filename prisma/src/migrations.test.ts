// Migrations: their rules, their locks, and their agreement with the schema.

import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { MIGRATIONS_DIR, readMigrations, readSchema } from './history.ts';
import { migrationErrors, splitScript } from './migration-rules.ts';
import { runPolitely } from './polite-script.ts';
import type { SchemaFile } from './schema-engine.ts';
import { createTestDatabase, type TestDatabase, testServer } from './testing.ts';
import { writeMigration } from './write-migration.ts';

describe('migration rules', () => {
  test('every migration after the first keeps the rules', async () => {
    const [, ...later] = (await readMigrations()).migrationDirectories;
    for (const { path, migrationFile } of later) {
      const { content } = migrationFile;
      expect([path, content.tag, migrationErrors(content.value)]).toEqual([path, 'ok', []]);
    }
  });

  test.each([
    [
      'CREATE INDEX "a_idx" ON "orders"."orders"("a");',
      'CREATE INDEX a_idx stops every write to orders.orders',
    ],
    [
      'create unique index a_idx on orders.orders (a);',
      'CREATE INDEX a_idx stops every write to orders.orders',
    ],
    ['CREATE INDEX ON orders.orders (a);', 'stops every write to orders.orders'],
    [
      'CREATE TABLE t (a int); CREATE INDEX a_idx ON orders.orders (a);',
      'stops every write to orders.orders',
    ],
    [
      'CREATE INDEX CONCURRENTLY a_idx ON t (a); CREATE INDEX CONCURRENTLY b_idx ON t (b);',
      'the only statement',
    ],
    ['DROP INDEX CONCURRENTLY a_idx; ALTER TABLE t ADD COLUMN a int;', 'the only statement'],
    ['ALTER TABLE orders.orders ADD CONSTRAINT a_key UNIQUE (a);', 'ADD UNIQUE builds its index'],
    ['ALTER TABLE "orders"."orders" ADD PRIMARY KEY (a);', 'no statement can use orders.orders'],
    ['REINDEX TABLE orders.orders;', 'REINDEX stops every write'],
    ["SET lock_timeout = '1min';", 'the migrator sets lock_timeout'],
    ['SET LOCAL statement_timeout TO 0;', 'the migrator sets statement_timeout'],
  ])('%s is refused', (sql, error) => {
    const errors = migrationErrors(sql);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(error);
  });

  test.each([
    'ALTER TABLE t ADD COLUMN a int;',
    'CREATE INDEX CONCURRENTLY "a_idx" ON "orders"."orders"("a"); -- CREATE INDEX b_idx ON t (b);',
    'CREATE TABLE "s"."t" ("a" int);\n\nCREATE INDEX "a_idx" ON "s"."t" ("a");',
    'ALTER TABLE t ADD CONSTRAINT a_key UNIQUE USING INDEX a_idx; -- not CREATE INDEX CONCURRENTLY',
    'CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT a_key UNIQUE (a);',
    'REINDEX INDEX CONCURRENTLY a_idx;',
    "COMMENT ON TABLE t IS 'CREATE INDEX a_idx ON t (a); SET lock_timeout = 0';",
  ])('%s is accepted', (sql) => {
    expect(migrationErrors(sql)).toEqual([]);
  });

  test('each index on an existing table becomes its own migration', () => {
    const pieces = splitScript(
      [
        '-- AlterTable\nALTER TABLE "s"."old" ADD COLUMN "a" INTEGER;',
        '-- CreateTable\nCREATE TABLE "s"."new" (\n    "b" INTEGER\n);',
        '-- CreateIndex\nCREATE INDEX "old_a_idx" ON "s"."old"("a");',
        '-- CreateIndex\nCREATE UNIQUE INDEX "new_b_key" ON "s"."new"("b");',
        '-- CreateIndex\nCREATE UNIQUE INDEX "old_a_key" ON "s"."old"("a");',
      ].join('\n\n'),
    );
    expect(pieces.map(({ name }) => name)).toEqual([undefined, 'old_a_idx', 'old_a_key']);
    expect(pieces[0]?.sql).toContain('CREATE UNIQUE INDEX "new_b_key"');
    expect(pieces[2]?.sql).toBe(
      '-- CreateIndex\nCREATE UNIQUE INDEX CONCURRENTLY "old_a_key" ON "s"."old"("a");',
    );
    for (const { sql } of pieces) expect(migrationErrors(sql)).toEqual([]);
  });
});

// Migrations while the shop is open.
describe('a migration beside open transactions', () => {
  let database: TestDatabase;
  let pool: pg.Pool;

  beforeAll(async () => {
    database = await createTestDatabase({ empty: true });
    pool = new pg.Pool({ connectionString: database.adminUrl });
  });
  beforeEach(() => pool.query('CREATE TABLE thing (id int)'));
  afterEach(() => pool.query('DROP TABLE thing'));
  afterAll(async () => {
    await pool.end();
    await database.release();
  });

  test('a change that waits for a long reader lets other statements through, and is made after the reader ends', async () => {
    const reader = await pool.connect();
    await reader.query('BEGIN; SELECT * FROM thing');
    const lines: string[] = [];
    const { promise: hasGivenUp, resolve } = Promise.withResolvers<void>();
    const change = runPolitely(pool, 'ALTER TABLE thing ADD COLUMN name text', (line) => {
      lines.push(line);
      resolve();
    });
    await hasGivenUp;
    // These statements wait behind the change only until it pauses, while the reader goes on.
    for (let id = 1; id <= 3; id += 1) await pool.query('INSERT INTO thing (id) VALUES ($1)', [id]);
    await reader.query('COMMIT');
    reader.release();
    await change;
    expect(lines[0]).toContain('trying again');
    expect((await pool.query('SELECT id, name FROM thing')).rows).toHaveLength(3);
  });

  test('any other error is reported at once, and the whole script is undone', async () => {
    const script = 'ALTER TABLE thing ADD COLUMN name text; ALTER TABLE thing ADD COLUMN name text;';
    await expect(runPolitely(pool, script, () => undefined)).rejects.toThrow('already exists');
    await runPolitely(pool, 'ALTER TABLE thing ADD COLUMN name text', () => undefined);
  });

  test('an index whose build was interrupted is built again', async () => {
    await pool.query('INSERT INTO thing VALUES (1), (1)');
    const script = 'CREATE UNIQUE INDEX CONCURRENTLY "thing_id_key" ON "public"."thing"("id");';
    await expect(runPolitely(pool, script, () => undefined)).rejects.toThrow('could not create unique index');
    await pool.query('DELETE FROM thing WHERE ctid = (SELECT min(ctid) FROM thing)');
    await runPolitely(pool, script, () => undefined);
    await expect(pool.query('INSERT INTO thing VALUES (1)')).rejects.toThrow('thing_id_key');
  });
});

// Schema and migrations agree, and the check of this can fail.
describe('drift', () => {
  const { adminUrl } = testServer();
  const now = new Date('2027-01-02T03:04:05Z');

  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
    await cp(MIGRATIONS_DIR, folder, { recursive: true });
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** The present schema with each text replaced by another. The schema must contain the text. */
  async function changedSchema(changes: [from: string, to: string][]): Promise<SchemaFile[]> {
    const schema = await readSchema();
    for (const [from] of changes)
      if (!schema.some(({ content }) => content.includes(from)))
        throw new Error(`no schema file has ${from}`);
    return schema.map(({ path, content }) => ({
      path,
      content: changes.reduce((text, [from, to]) => text.replace(from, to), content),
    }));
  }

  test('the migrations lead to the schema: no change, no migration', async () => {
    const before = await readdir(folder);
    expect(await writeMigration({ adminUrl, migrationsDir: folder, now, name: 'nothing' })).toEqual([]);
    expect(await readdir(folder)).toEqual(before);
  });

  test('the next migration is written from the changes, and after it the schema has no change', async () => {
    const schema = await changedSchema([
      ['failures Int', 'failures BigInt'],
      ['sessions Session[]', 'sessions Session[]\n  nickname String?'],
      ['@@index([productId], map: "orders_product_id_idx")', ''],
    ]);
    const options = { adminUrl, schema, migrationsDir: folder, now };
    expect(await writeMigration({ ...options, name: 'change' })).toEqual([
      join(folder, '20270102030405_change'),
    ]);
    const sql = await readFile(join(folder, '20270102030405_change/migration.sql'), 'utf8');
    expect(sql.split('\n').filter((line) => line !== '' && !line.startsWith('--'))).toEqual([
      'DROP INDEX "orders"."orders_product_id_idx";',
      'ALTER TABLE "users"."login_tries" ALTER COLUMN "failures" SET DATA TYPE BIGINT;',
      'ALTER TABLE "users"."users" ADD COLUMN     "nickname" TEXT;',
    ]);
    expect(await writeMigration({ ...options, name: 'again' })).toEqual([]);
  });

  test.each(['', 'Add', 'add-weight', '../evil', 'add__weight', '1st', 'a'.repeat(101)])(
    'the name %j is refused',
    async (name) => {
      await expect(writeMigration({ adminUrl, migrationsDir: folder, now, name })).rejects.toThrow(
        'the name of a migration: expected lower-case words',
      );
    },
  );
});
