// The next version of the products service, as a release would bring it: one field more in the schema, one column more
// in the rows, and a supergraph composed of it. Made of the sources, in a folder of its own.
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { ROOT } from '@holdfast/scripts/settings';
import { parse } from 'graphql';

export interface NextProducts {
  /** The program. */
  readonly entry: string;
  readonly supergraph: string;
}

/** Additive, so the version of before runs on. A constant default rewrites no row. */
export const ADD_COLUMN = "ALTER TABLE products.products ADD COLUMN sku text DEFAULT 'none yet'";
/** When nobody reads it any more. */
export const DROP_COLUMN = 'ALTER TABLE products.products DROP COLUMN sku';
export const SKU = 'none yet';

/** Makes the next version in `folder`. */
export async function makeNextProducts(folder: string): Promise<NextProducts> {
  const from = join(ROOT, 'subgraphs/products');
  const to = join(folder, 'subgraphs/products');
  await mkdir(to, { recursive: true });
  for (const name of ['package.json', 'schema.graphql', 'src'])
    await cp(join(from, name), join(to, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await symlink(join(from, 'node_modules'), join(to, 'node_modules'));
  await edit(join(to, 'schema.graphql'), /^type Product @key.*\{$/m, (line) => `${line}\n  sku: String`);
  await edit(
    join(to, 'src/data/product-row.ts'),
    /^ {2}updatedAt: timestamptz,$/m,
    (column) => `${column}\n  sku: nullable(text),`,
  );
  const schemas = ['users', 'products', 'orders'].map(async (name) => {
    const path = name === 'products' ? to : join(ROOT, 'subgraphs', name);
    const typeDefs = parse(await readFile(join(path, 'schema.graphql'), 'utf8'));
    return { name, url: `http://${name}.invalid/graphql`, typeDefs };
  });
  const { supergraphSdl, errors } = composeServices(await Promise.all(schemas));
  if (supergraphSdl === undefined) throw new Error(`the next version does not compose: ${errors}`);
  return { entry: join(to, 'src/main.ts'), supergraph: supergraphSdl };
}

async function edit(path: string, place: RegExp, change: (found: string) => string): Promise<void> {
  const before = await readFile(path, 'utf8');
  const after = before.replace(place, change);
  if (after === before) throw new Error(`${path} has no ${place}`);
  await writeFile(path, after);
}
