// Writes a typed document node for each operation of the REST shim (gateway/src/generated/operations.ts) and of the console
// (web/src/generated/operations.ts), checked against the schema that gateway/supergraph.graphql shows to clients.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Supergraph } from '@apollo/federation-internals';
import { codegen } from '@graphql-codegen/core';
import * as documentNodes from '@graphql-codegen/typed-document-node';
import * as types from '@graphql-codegen/typescript-operations';
import { isAbstractType, parse, printSchema, Source } from 'graphql';
import { ROOT } from '../local/src/root.js';
import { filesUnder } from '../local/src/setup/files.mjs';

const supergraph = await readFile(join(ROOT, 'gateway/supergraph.graphql'), 'utf8');
const schemaAst = Supergraph.build(supergraph).apiSchema().toGraphQLJSSchema();
const schema = parse(printSchema(schemaAst));

const COMMON = {
  useTypeImports: true,
  immutableTypes: true,
  // Enums become objects, from which schemas and lists of choices take the values.
  enumType: 'const',
  namingConvention: { enumValues: 'keep' },
  // A scalar without a type here stops the generator.
  strictScalars: true,
  scalars: { ID: 'string', Money: { input: 'string | number', output: 'string' }, DateTime: 'string' },
};

await generate('gateway/src/rest/operations', 'gateway/src/generated/operations.ts', {
  // Every variable and every field of an input must be given, if only as undefined, so that a forgotten one is a compile error.
  avoidOptionals: { variableValue: true, inputValue: true },
});
// Apollo Client needs the type names of the objects that it caches, and the possible types of interfaces and unions.
await generate(
  'web/src/console',
  'web/src/generated/operations.ts',
  { optimizeDocumentNode: true, nonOptionalTypename: true, skipTypeNameForRoot: true },
  `\nexport const POSSIBLE_TYPES = ${JSON.stringify(listPossibleTypes(), undefined, 2)};\n`,
);

async function generate(folder, output, config, appendix = '') {
  const filename = join(ROOT, output);
  const code = await codegen({
    filename,
    schema,
    schemaAst,
    documents: await readDocuments(join(ROOT, folder)),
    config: { ...COMMON, ...config },
    plugins: [{ types: {} }, { documentNodes: {} }],
    pluginMap: { types, documentNodes },
  });
  await mkdir(dirname(filename), { recursive: true });
  await writeFile(filename, code + appendix);
}

async function readDocuments(folder) {
  const locations = (await filesUnder(folder)).filter((path) => path.endsWith('.graphql'));
  return Promise.all(
    locations.map(async (location) => {
      // Error messages begin with the name of the source.
      const source = new Source(await readFile(location, 'utf8'), basename(location));
      return { location, document: parse(source) };
    }),
  );
}

function listPossibleTypes() {
  const abstract = Object.values(schemaAst.getTypeMap()).filter(isAbstractType);
  return Object.fromEntries(
    abstract.map((type) => [type.name, schemaAst.getPossibleTypes(type).map(({ name }) => name)]),
  );
}
