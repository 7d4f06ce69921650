// `npm run db:migration`, as a person types it who has just changed the Prisma schema.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@holdfast/scripts/settings';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { testServer } from '../setup/database.ts';

const NOT_COPIED = new Set(['node_modules', 'generated', '.git', '.data']);

let tree: string;

/** A copy of the sources, with the packages of this tree and nothing generated. */
beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), 'holdfast-tree-'));
  await cp(ROOT, tree, { recursive: true, filter: (path) => !NOT_COPIED.has(basename(path)) });
  const packages = join(tree, 'node_modules');
  await mkdir(join(packages, '@holdfast'), { recursive: true });
  for (const name of await readdir(join(ROOT, 'node_modules')))
    if (name !== '@holdfast' && name !== '.cache')
      await symlink(join(ROOT, 'node_modules', name), join(packages, name));
  await symlink(join(tree, 'prisma'), join(packages, '@holdfast/database'));
}, 60_000);
afterAll(() => rm(tree, { recursive: true, force: true }));

it('writes the migration although other code does not fit the new schema yet, nor compiles at all', async () => {
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
