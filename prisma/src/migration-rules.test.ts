import { expect, test } from '@jest/globals';
import { readMigrations } from './history.ts';
import { migrationErrors, splitScript } from './migration-rules.ts';

test('every migration after the first keeps to the rules', async () => {
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
  ['CREATE TABLE t (a int); CREATE INDEX a_idx ON orders.orders (a);', 'stops every write to orders.orders'],
  [
    'CREATE INDEX CONCURRENTLY a_idx ON t (a); CREATE INDEX CONCURRENTLY b_idx ON t (b);',
    'the only statement',
  ],
  ['DROP INDEX CONCURRENTLY a_idx; ALTER TABLE t ADD COLUMN a int;', 'the only statement'],
  ['ALTER TABLE orders.orders ADD CONSTRAINT a_key UNIQUE (a);', 'ADD UNIQUE builds its index'],
  ['ALTER TABLE "orders"."orders" ADD PRIMARY KEY (a);', 'nothing can use orders.orders'],
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

test('indexes on tables that were there before become migrations of their own', () => {
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
