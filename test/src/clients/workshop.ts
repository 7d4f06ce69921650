// A folder like that of a client: the programs of test/clients, with the code that their generators make from a running system.
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { ROOT } from '@holdfast/local/root';
import {
  buildClientSchema,
  getIntrospectionQuery,
  type IntrospectionQuery,
  parse,
  printSchema,
} from 'graphql';
import { findInstalled, runForOutput } from './installed.ts';

export interface Workshop {
  readonly folder: string;
  /** Bundles the programs, with the generated code. */
  bundle(): Promise<unknown>;
  /** Runs a bundled program against the system. @returns the JSON that it writes */
  run(program: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Copies the programs, without generated code. @param url of the system */
export async function openWorkshop(url: string): Promise<Workshop> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-clients-'));
  await cp(join(ROOT, 'test/clients'), folder, { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const program of ['apollo', 'relay', 'openapi']) await mkdir(join(folder, program, 'generated'));
  return {
    folder,
    bundle: () => runForOutput(folder, findInstalled('rolldown'), '--config', 'rolldown.config.mjs'),
    run: async (program) =>
      JSON.parse(await runForOutput(folder, join(folder, `bundles/${program}.mjs`), url)),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Sends a query. @throws when the reply has errors */
export async function introspect<Data>(url: string, query: string): Promise<Data> {
  const reply = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = JSON.parse(await reply.text());
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

/** Makes schema.graphql with the program of gql.tada, and the source of urql's types. */
export async function downloadSchema({ folder }: Workshop, url: string): Promise<string> {
  await runForOutput(
    folder,
    findInstalled('gql.tada'),
    'generate-schema',
    `${url}/graphql`,
    '--output',
    'schema.graphql',
  );
  const introspection = await introspect(url, getIntrospectionQuery());
  const text = `export const introspection = ${JSON.stringify(introspection)} as const;`;
  await writeFile(join(folder, 'urql/introspection.ts'), text);
  return await readFile(join(folder, 'schema.graphql'), 'utf8');
}

/** Makes typed documents with codegen's client preset, and the list of union members for the cache, as Apollo's manual does. */
export async function generateApollo({ folder }: Workshop, url: string): Promise<void> {
  const operations = join(folder, 'apollo/operations.graphql');
  const rawSDL = await readFile(operations, 'utf8');
  const schemaAst = buildClientSchema(await introspect<IntrospectionQuery>(url, getIntrospectionQuery()));
  const files = await preset.buildGeneratesSection({
    baseOutputDir: join(folder, 'apollo/generated/'),
    schema: parse(printSchema(schemaAst)),
    schemaAst,
    documents: [{ location: operations, rawSDL, document: parse(rawSDL) }],
    config: { useTypeImports: true, enumsAsTypes: true, scalars: { DateTime: 'string', Money: 'string' } },
    presetConfig: { fragmentMasking: false },
    plugins: [],
    pluginMap: {},
  });
  for (const file of files) await writeFile(file.filename, await codegen(file));
  const { __schema } = await introspect<{
    __schema: { types: { name: string; possibleTypes: { name: string }[] | null }[] };
  }>(url, '{ __schema { types { name possibleTypes { name } } } }');
  const unions = __schema.types.flatMap(({ name, possibleTypes }) =>
    possibleTypes ? [[name, possibleTypes.map((type) => type.name)]] : [],
  );
  await writeFile(
    join(folder, 'apollo/generated/possible-types.json'),
    JSON.stringify(Object.fromEntries(unions)),
  );
}

/** Makes Relay's artifacts. @returns the output of the compiler */
export const compileRelay = ({ folder }: Workshop): Promise<string> =>
  runForOutput(join(folder, 'relay'), findInstalled('relay-compiler'), 'relay.config.json');

/** Makes the types of /openapi.json. */
export const generateOpenApi = ({ folder }: Workshop, url: string): Promise<string> =>
  runForOutput(
    folder,
    findInstalled('openapi-typescript'),
    `${url}/openapi.json`,
    '--output',
    'openapi/generated/api.d.ts',
  );
