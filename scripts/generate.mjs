// Writes each subgraph's resolver types, src/generated/graphql.ts, from its schema.graphql and codegen.json
// ({ mappers, scalars }, both optional).
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codegen } from '@graphql-codegen/core';
import * as typescript from '@graphql-codegen/typescript';
import * as resolvers from '@graphql-codegen/typescript-resolvers';
import { parse } from 'graphql';

const SUBGRAPHS = fileURLToPath(new URL('../subgraphs', import.meta.url));

for (const name of (await readdir(SUBGRAPHS)).sort()) await generate(join(SUBGRAPHS, name));

async function generate(subgraph) {
  const schema = parse(await readFile(join(subgraph, 'schema.graphql'), 'utf8'));
  const filename = join(subgraph, 'src/generated/graphql.ts');
  const code = await codegen({
    filename,
    schema,
    documents: [],
    config: {
      federation: true,
      contextType: '../context.ts#Context',
      useTypeImports: true,
      enumsAsTypes: true,
      importExtension: '.ts',
      resolversNonOptionalTypename: { unionMember: true, interfaceImplementingType: true },
      // A resolver cannot use a scalar without a type by accident.
      defaultScalarType: 'unknown',
      ...(await readSettings(subgraph)),
    },
    plugins: [{ typescript: {} }, { resolvers: {} }],
    pluginMap: { typescript, resolvers },
  });
  await mkdir(dirname(filename), { recursive: true });
  await writeFile(filename, code);
}

async function readSettings(subgraph) {
  const path = join(subgraph, 'codegen.json');
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${path} is not JSON: ${error.message}`);
  }
}
