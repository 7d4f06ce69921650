// `npm run dev` for a developer who changes the sources while it runs.
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removePostgres } from '@holdfast/local/postgres/server';
import { PROCESSES, portsFrom } from '@holdfast/local/settings/services';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { z } from 'zod';
import { eventually } from '../support/client.ts';
import { freeBasePort, type Npm, STEP_MS, startNpm } from './npm.ts';
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

/** Writes a file, and waits until the services that it restarts are ready. Resolves with their names and the output. */
async function save(path: string, text: string, write: typeof writeFile = writeFile) {
  const before = npm.output().length;
  await write(join(tree, path), text);
  const output = await eventually(
    async () => npm.output().slice(before),
    (said) => restartsIn(said).length > 0 && readyIn(said).length >= restartsIn(said).length,
    STEP_MS,
  );
  return { names: restartsIn(output), output };
}

/** Many editors save so: another file takes the place of the old one. */
const replace: typeof writeFile = async (path, text) => {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, String(path));
};

const textOf = (path: string) => readFile(join(tree, path), 'utf8');

async function query(document: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: document }),
  });
  return JSON.parse(await response.text());
}

it(
  'restarts only the service whose source is saved, after each save',
  async () => {
    expect(readyIn(npm.output())).toEqual([...PROCESSES].sort());
    const [path, text] = ['subgraphs/users/src/server.ts', await textOf('subgraphs/users/src/server.ts')];
    for (const write of [replace, writeFile])
      expect((await save(path, `${text}// ${write.name}\n`, write)).names).toEqual(['users']);
  },
  STEP_MS,
);

it(
  'restarts every service that imports a shared file, and no other',
  async () => {
    const keys = 'platform/src/postgres/idempotency-keys.ts';
    expect((await save(keys, `${await textOf(keys)}// changed\n`)).names).toEqual(['orders', 'products']);
  },
  STEP_MS,
);

it(
  'shows why a service does not start, and starts it after the next save',
  async () => {
    const path = 'subgraphs/products/src/server.ts';
    const text = await textOf(path);
    const before = npm.output().length;
    await writeFile(join(tree, path), `${text}export const broken = ;\n`);
    const said = () => npm.output().slice(before);
    await eventually(
      async () => said(),
      (output) => output.includes('the next save starts it again'),
      STEP_MS,
    );
    expect(said()).toMatch(/products ended before it was ready: SyntaxError/);
    expect((await save(path, text)).names).toEqual(['products']);
  },
  STEP_MS,
);

it(
  'composes the supergraph when a schema changes, before it restarts that service',
  async () => {
    const path = 'subgraphs/products/schema.graphql';
    const text = await textOf(path);
    const { names, output } = await save(path, text.replace(/^type Query \{\n/m, '$&  fixture: Int\n'));
    expect(names).toEqual(['products']);
    expect(output).toMatch(/generating resolver types: .*composing the supergraph: .*products is ready/s);
    expect(await textOf('gateway/supergraph.graphql')).toContain(
      'fixture: Int @join__field(graph: PRODUCTS)',
    );
    await eventually(
      () => query('{ fixture }'),
      (reply) => JSON.stringify(reply) === '{"data":{"fixture":null}}',
      STEP_MS,
    );
  },
  STEP_MS,
);

it(
  'shows what is wrong with a schema, and goes on when the schema is correct again',
  async () => {
    const path = 'subgraphs/orders/schema.graphql';
    const text = await textOf(path);
    const before = npm.output().length;
    await writeFile(join(tree, path), `${text}type Broken {\n`);
    await eventually(
      async () => npm.output().slice(before),
      (output) => output.includes('no service is restarted until the schema is correct'),
      STEP_MS,
    );
    expect((await save(path, text)).names).toEqual(['orders']);
  },
  STEP_MS,
);

it(
  'generates the client when the Prisma schema changes, and restarts the services that use it',
  async () => {
    const path = 'prisma/schema/products.prisma';
    const { names } = await save(
      path,
      `${await textOf(path)}\nmodel Fixture {\n  id Int @id\n\n  @@schema("products")\n}\n`,
    );
    expect(names).toEqual(['orders', 'users']);
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
