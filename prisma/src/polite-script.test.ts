// Migrations beside a shop that is open.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { runPolitely } from './polite-script.ts';
import { createTestDatabase, type TestDatabase } from './testing.ts';

let database: TestDatabase;
let pool: pg.Pool;

beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
  pool = new pg.Pool({ connectionString: database.adminUrl });
  await pool.query('CREATE TABLE thing (id int)');
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

test('a change that has to wait for a long reader lets the others through, and happens after it', async () => {
  const reader = await pool.connect();
  await reader.query('BEGIN; SELECT * FROM thing');
  const lines: string[] = [];
  const { promise: hasGivenUp, resolve } = Promise.withResolvers<void>();
  const change = runPolitely(pool, 'ALTER TABLE thing ADD COLUMN name text', (line) => {
    lines.push(line);
    resolve();
  });
  await hasGivenUp;
  // These wait behind the change at most until it gives up its place; the reader goes on all the while.
  for (let id = 1; id <= 3; id += 1) await pool.query('INSERT INTO thing (id) VALUES ($1)', [id]);
  await reader.query('COMMIT');
  reader.release();
  await change;
  expect(lines[0]).toContain('trying again');
  expect((await pool.query('SELECT id, name FROM thing')).rows).toHaveLength(3);
});

test('what else goes wrong is told at once, and nothing of the script has happened', async () => {
  const script = 'ALTER TABLE thing ADD COLUMN name text; ALTER TABLE thing ADD COLUMN name text;';
  await expect(runPolitely(pool, script, () => undefined)).rejects.toThrow('already exists');
  await runPolitely(pool, 'ALTER TABLE thing ADD COLUMN name text', () => undefined);
});

test('an index whose building was interrupted is built anew', async () => {
  await pool.query('INSERT INTO thing VALUES (1), (1)');
  const script = 'CREATE UNIQUE INDEX CONCURRENTLY "thing_id_key" ON "public"."thing"("id");';
  await expect(runPolitely(pool, script, () => undefined)).rejects.toThrow('could not create unique index');
  await pool.query('DELETE FROM thing WHERE ctid = (SELECT min(ctid) FROM thing)');
  await runPolitely(pool, script, () => undefined);
  await expect(pool.query('INSERT INTO thing VALUES (1)')).rejects.toThrow('thing_id_key');
});
