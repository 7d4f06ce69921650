// Composes the three subgraphs' schemas to gateway/supergraph.graphql, which is checked in; `--check` only
// says whether that file is what composition gives.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import composition from '@apollo/composition';
import { parse } from 'graphql';

// Only defaults: each deployment tells its gateway where its subgraphs are.
const SUBGRAPHS = [
  { name: 'users', url: 'http://localhost:4001/graphql' },
  { name: 'products', url: 'http://localhost:4002/graphql' },
  { name: 'orders', url: 'http://localhost:4003/graphql' },
];

const root = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const target = 'gateway/supergraph.graphql';

const services = await Promise.all(
  SUBGRAPHS.map(async ({ name, url }) => {
    const path = `subgraphs/${name}/schema.graphql`;
    return { name, url, typeDefs: parse(await readFile(root(path), 'utf8')) };
  }),
);
const { supergraphSdl, errors = [], hints = [] } = composition.composeServices(services);

if (errors.length > 0) {
  for (const error of errors) console.error(`compose: ${error.message}`);
  process.exit(1);
}
for (const hint of hints) console.error(`compose: hint: ${hint.message}`);

const present = await readFile(root(target), 'utf8').catch(() => undefined);
if (present === supergraphSdl) process.exit(0);
if (process.argv.includes('--check')) {
  const state = present === undefined ? 'is missing' : 'is not what the subgraphs compose to';
  console.error(`compose: ${target} ${state}; run "node scripts/compose.mjs" and commit the file`);
  process.exit(1);
}
await writeFile(root(target), supergraphSdl);
