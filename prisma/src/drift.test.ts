// Schema and migrations say the same, and the check that says so can fail.
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { MIGRATIONS_DIR, readSchema } from './history.ts';
import type { SchemaFile } from './schema-engine.ts';
import { testServer } from './testing.ts';
import { schemaDrift, writeMigration } from './write-migration.ts';

const { adminUrl } = testServer();
const now = new Date('2027-01-02T03:04:05Z');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  await cp(MIGRATIONS_DIR, folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

/** The schema as it is, with `from` replaced, which must be there. */
async function changedSchema(from: string, to: string): Promise<SchemaFile[]> {
  const schema = await readSchema();
  if (!schema.some(({ content }) => content.includes(from))) throw new Error(`no schema file has ${from}`);
  return schema.map(({ path, content }) => ({ path, content: content.replace(from, to) }));
}

test('the migrations lead to the schema', async () => {
  expect(await schemaDrift({ adminUrl })).toBe('');
});

test.each([
  ['stock          Int', 'stock          BigInt', 'ALTER COLUMN "stock"'],
  ['sessions Session[]', 'sessions Session[]\n  nickname String?', 'ADD COLUMN     "nickname" TEXT'],
  ['@@index([productId], map: "orders_product_id_idx")', '', 'DROP INDEX "orders"."orders_product_id_idx"'],
])('a schema that says otherwise is found: %s', async (from, to, sql) => {
  expect(await schemaDrift({ adminUrl, schema: await changedSchema(from, to) })).toContain(sql);
});

test('the next migration is written from the change, and then there is none left', async () => {
  const schema = await changedSchema('sessions Session[]', 'sessions Session[]\n  nickname String?');
  const options = { adminUrl, schema, migrationsDir: folder, now };
  expect(await writeMigration({ ...options, name: 'add_nickname' })).toEqual([
    join(folder, '20270102030405_add_nickname'),
  ]);
  const sql = await readFile(join(folder, '20270102030405_add_nickname/migration.sql'), 'utf8');
  expect(sql).toBe('-- AlterTable\nALTER TABLE "users"."users" ADD COLUMN     "nickname" TEXT;\n');
  expect(await writeMigration({ ...options, name: 'again' })).toEqual([]);
});

test('no change, no migration', async () => {
  const before = await readdir(folder);
  expect(await writeMigration({ adminUrl, migrationsDir: folder, now, name: 'nothing' })).toEqual([]);
  expect(await readdir(folder)).toEqual(before);
});

test.each(['', 'Add', 'add-weight', '../evil', 'add__weight', '1st', 'a'.repeat(101)])(
  'the name %j is refused',
  async (name) => {
    await expect(writeMigration({ adminUrl, migrationsDir: folder, now, name })).rejects.toThrow(
      "a migration's name is lower-case words",
    );
  },
);
