// `npm run db:migration` for a developer who has just changed the Prisma schema.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { testServer } from '../setup/database.ts';
import { copyTree, removeTree } from './tree.ts';

let tree: string;

beforeAll(async () => {
  tree = await copyTree();
}, 60_000);
afterAll(() => removeTree(tree));

it('writes the migration while other code does not fit the new schema, or does not compile', async () => {
  const schema = join(tree, 'prisma/schema/products.prisma');
  const before = await readFile(schema, 'utf8');
  await writeFile(schema, before.replace(/^model Product \{\n/m, '$&  weight Int\n'));
  await writeFile(join(tree, 'prisma/src/fixture.test.ts'), 'export const weight: string = 1;\n');
  await writeFile(join(tree, 'subgraphs/products/src/server.ts'), 'export const broken = ;\n');
  await writeFile(join(tree, 'subgraphs/orders/schema.graphql'), 'type Query {\n');

  const args = ['run', 'db:migration', '--', 'add_product_weight'];
  const env = { ...process.env, DATABASE_URL: testServer().adminUrl };
  const { stdout } = await promisify(execFile)('npm', args, { cwd: tree, env });
  const [, written = ''] = /wrote (\S+_add_product_weight\/migration\.sql)/.exec(stdout) ?? [];
  expect(await readFile(join(tree, written), 'utf8')).toMatch(/ADD COLUMN +"weight" INTEGER NOT NULL/);
}, 120_000);
