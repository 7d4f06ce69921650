// Writes each subgraph's resolver types, src/generated/graphql.ts, from its schema.graphql and codegen.json ({ mappers, scalars }).
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codegen } from '@graphql-codegen/core';
import * as typescript from '@graphql-codegen/typescript';
import * as resolvers from '@graphql-codegen/typescript-resolvers';
import { parse } from 'graphql';
import { ROOT } from '../local/src/root.js';

const SUBGRAPHS = join(ROOT, 'subgraphs');

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
      ...JSON.parse(await readFile(join(subgraph, 'codegen.json'), 'utf8')),
    },
    plugins: [{ typescript: {} }, { resolvers: {} }],
    pluginMap: { typescript, resolvers },
  });
  await mkdir(dirname(filename), { recursive: true });
  await writeFile(filename, code);
}
