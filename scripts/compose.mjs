// Composes the schemas of the three subgraphs into gateway/supergraph.graphql, which is checked in. With `--check` it only checks that
// the file is up to date.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import composition from '@apollo/composition';
import { parse } from 'graphql';
import { ROOT } from '../local/src/root.js';

// Defaults: each deployment sets the URLs of its subgraphs.
const SUBGRAPHS = [
  { name: 'users', url: 'http://localhost:4001/graphql' },
  { name: 'products', url: 'http://localhost:4002/graphql' },
  { name: 'orders', url: 'http://localhost:4003/graphql' },
];

const TARGET = 'gateway/supergraph.graphql';

const services = await Promise.all(
  SUBGRAPHS.map(async ({ name, url }) => {
    const path = `subgraphs/${name}/schema.graphql`;
    return { name, url, typeDefs: parse(await readFile(join(ROOT, path), 'utf8')) };
  }),
);
const { supergraphSdl, errors = [], hints = [] } = composition.composeServices(services);

if (errors.length > 0) {
  for (const error of errors) console.error(`compose: ${error.message}`);
  process.exit(1);
}
for (const hint of hints) console.error(`compose: hint: ${hint.message}`);

const current = await readFile(join(ROOT, TARGET), 'utf8').catch(() => undefined);
if (current === supergraphSdl) process.exit(0);
if (process.argv.includes('--check')) {
  const state = current === undefined ? 'is missing' : 'does not match the schemas of the subgraphs';
  console.error(`compose: ${TARGET} ${state}; run "node scripts/compose.mjs" and commit the file`);
  process.exit(1);
}
await writeFile(join(ROOT, TARGET), supergraphSdl);
