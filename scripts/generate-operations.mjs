// Writes gateway/src/generated/operations.ts: a typed document node for each operation of the REST shim
// (gateway/src/rest/operations/*.graphql), checked against what gateway/supergraph.graphql shows to clients.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Supergraph } from '@apollo/federation-internals';
import { codegen } from '@graphql-codegen/core';
import * as documentNodes from '@graphql-codegen/typed-document-node';
import * as types from '@graphql-codegen/typescript-operations';
import { parse, printSchema, Source } from 'graphql';

const GATEWAY = fileURLToPath(new URL('../gateway', import.meta.url));
const OPERATIONS = join(GATEWAY, 'src/rest/operations');

const supergraph = await readFile(join(GATEWAY, 'supergraph.graphql'), 'utf8');
const schemaAst = Supergraph.build(supergraph).apiSchema().toGraphQLJSSchema();
const filename = join(GATEWAY, 'src/generated/operations.ts');
const code = await codegen({
  filename,
  schema: parse(printSchema(schemaAst)),
  schemaAst,
  documents: await documents(),
  config: {
    useTypeImports: true,
    immutableTypes: true,
    // Objects with the values, for the REST schemas to take theirs from.
    enumType: 'const',
    namingConvention: { enumValues: 'keep' },
    // A variable, or a field of an input, that a mapping forgets is a compile error: each has to be there, if only as undefined.
    avoidOptionals: { variableValue: true, inputValue: true },
    // A scalar without a type here stops the generator.
    strictScalars: true,
    scalars: { ID: 'string', Money: { input: 'string | number', output: 'string' }, DateTime: 'string' },
  },
  plugins: [{ types: {} }, { documentNodes: {} }],
  pluginMap: { types, documentNodes },
});
await mkdir(dirname(filename), { recursive: true });
await writeFile(filename, code);

async function documents() {
  const names = (await readdir(OPERATIONS)).filter((name) => name.endsWith('.graphql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const location = join(OPERATIONS, name);
      // With the file's name, which messages about it then begin with.
      return { location, document: parse(new Source(await readFile(location, 'utf8'), name)) };
    }),
  );
}
