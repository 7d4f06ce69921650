// `npm run dev` for a developer who changes the sources while it runs.
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removePostgres } from '@holdfast/local/postgres/server';
import { PROCESSES, portsFrom } from '@holdfast/local/settings/services';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { z } from 'zod';
import { eventually } from '../support/client.ts';
import { freeBasePort, interrupt, type Npm, STEP_MS, startNpm } from './npm.ts';
import { copyTree, removeTree } from './tree.ts';

let tree: string;
let dataDir: string;
let port: number;
let npm: Npm;

const readyEvent = z.object({ msg: z.string().endsWith(' is ready'), process: z.string() });

beforeAll(async () => {
  tree = await copyTree();
  dataDir = await mkdtemp(join(tmpdir(), 'holdfast-dev-'));
  port = await freeBasePort();
  npm = await startNpm({ DATA_DIR: dataDir, PORT: String(port), SUPERGRAPH_POLL_MS: '200' }, tree, [
    'run',
    'dev',
    '--',
    '--inspect',
  ]);
  await npm.waitFor('"msg":"ready"');
}, STEP_MS);
afterAll(async () => {
  npm?.end();
  await npm?.ended;
  await removePostgres(join(dataDir, 'postgres'));
  await rm(dataDir, { recursive: true });
  await removeTree(tree);
}, 60_000);

/** The names of the services that became ready in the output, sorted. */
const readyIn = (output: string): string[] =>
  output
    .split('\n')
    .filter((line) => line.startsWith('{"level":"info"') && line.includes(' is ready"'))
    .map((line) => readyEvent.parse(JSON.parse(line)).process)
    .sort();

/** The names of the services that a save restarts. */
const restartsIn = (output: string): string[] =>
  [...output.matchAll(/ changed: restarting (.*?)"/g)].flatMap(([, names = '']) => names.split(', ')).sort();

const write = (path: string, text: string) => writeFile(join(tree, path), text);

/** Many editors save so: another file takes the place of the old one. */
async function replace(path: string, text: string): Promise<void> {
  await write(`${path}.tmp`, text);
  await rename(join(tree, `${path}.tmp`), join(tree, path));
}

const textOf = (path: string) => readFile(join(tree, path), 'utf8');

async function query(document: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: document }),
  });
  return JSON.parse(await response.text());
}

const PRISMA = 'prisma/schema/products.prisma';
const SCHEMA = 'subgraphs/users/schema.graphql';
/** A file that only products imports. */
const IMPORTED = 'platform/src/postgres/reads.ts';

it(
  'shows what is wrong with a schema at each save, and restarts no service until the schema is correct',
  async () => {
    expect(readyIn(npm.output())).toEqual([...PROCESSES].sort());
    const before = npm.output().length;
    const said = () => npm.output().slice(before);
    const hasShown = async (times: number) => {
      const count = async () =>
        said().split('no service is restarted until the schema is correct').length - 1;
      await eventually(count, (shown) => shown === times, STEP_MS);
    };
    await replace(SCHEMA, `${await textOf(SCHEMA)}type Broken {\n`);
    await hasShown(1);
    await replace(IMPORTED, `${await textOf(IMPORTED)}export const broken = ;\n`);
    await hasShown(2);
    expect(said()).toContain('Syntax Error: Expected Name, found <EOF>');
    expect(restartsIn(said())).toEqual([]);
  },
  STEP_MS,
);

it(
  'composes the supergraph, then restarts only the service of the schema and each one that imports a changed file, and shows why one does not start',
  async () => {
    const before = npm.output().length;
    const text = (await textOf(SCHEMA)).replace('type Broken {\n', '');
    await write(SCHEMA, text.replace(/^type Query \{\n/m, '$&  fixture: Int\n'));
    const output = await eventually(
      async () => npm.output().slice(before),
      (said) => said.includes('the next save starts it again') && readyIn(said).length > 0,
      STEP_MS,
    );
    expect(restartsIn(output)).toEqual(['products', 'users']);
    expect(readyIn(output)).toEqual(['users']);
    expect(output).toMatch(/generating resolver types: .*composing the supergraph: .*restarting users/s);
    expect(output).toMatch(/products ended before it was ready: SyntaxError/);
    // The pages have the same operations as before.
    expect(output).not.toContain('building the pages');
    await eventually(
      () => query('{ fixture }'),
      (reply) => JSON.stringify(reply) === '{"data":{"fixture":null}}',
      STEP_MS,
    );
  },
  STEP_MS,
);

/** Saves a file, and waits until the services that it restarts are ready. Resolves with their names. */
async function save(path: string, text: string): Promise<string[]> {
  const before = npm.output().length;
  await replace(path, text);
  const output = await eventually(
    async () => npm.output().slice(before),
    (said) => restartsIn(said).length > 0 && readyIn(said).length >= restartsIn(said).length,
    STEP_MS,
  );
  return restartsIn(output);
}

it(
  'starts that one after the next save',
  async () => {
    const text = (await textOf(IMPORTED)).replace('export const broken = ;\n', '');
    expect(await save(IMPORTED, text)).toEqual(['products']);
  },
  STEP_MS,
);

it(
  'generates the Prisma client when its schema is saved, and restarts only the services that use it',
  async () => {
    const model = 'model Fixture {\n  id Int @id\n\n  @@schema("products")\n}\n';
    expect(await save(PRISMA, `${await textOf(PRISMA)}\n${model}`)).toEqual(['orders', 'users']);
    expect(await textOf('prisma/src/generated/client.ts')).toContain('Fixture');
  },
  STEP_MS,
);

it('opens an inspector for each service at its port plus 200', async () => {
  const ports = portsFrom(port);
  for (const name of PROCESSES) {
    const [target] = JSON.parse(
      await (await fetch(`http://127.0.0.1:${ports[name].http + 200}/json/list`)).text(),
    );
    expect(target.url).toMatch(new RegExp(`${name}/src/main\\.ts$`));
  }
  expect(npm.output()).toContain(`gateway 127.0.0.1:${port + 200}`);
});

it(
  'ends completely on Ctrl-C',
  async () => {
    await interrupt(npm, dataDir, 'Ctrl-C');
    for (const { http } of Object.values(portsFrom(port)))
      await expect(fetch(`http://127.0.0.1:${http}/`)).rejects.toThrow();
  },
  STEP_MS,
);
