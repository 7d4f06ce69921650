// The next version of products and gateway, made of the sources in a folder of its own: one more field in the schema, one more column
// in the rows, a supergraph with the new field, and REST calls that request the field.
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import type { Program } from './fleet.ts';

/** The programs. */
export interface NextRelease {
  readonly products: Program;
  readonly gateway: Program;
}

/** The change is additive, so the old version keeps running. A constant default rewrites no row. */
export const ADD_COLUMN = "ALTER TABLE products.products ADD COLUMN sku text DEFAULT 'none yet'";
/** For the time when no instance reads the column any more. */
export const DROP_COLUMN = 'ALTER TABLE products.products DROP COLUMN sku';
export const SKU = 'none yet';

/** Makes the next version in `folder`. */
export async function makeNextRelease(folder: string): Promise<NextRelease> {
  const [products, gateway] = [join(folder, 'subgraphs/products'), join(folder, 'gateway')];
  await copyService('subgraphs/products', folder);
  await copyService('gateway', folder);
  for (const name of ['node_modules', 'web']) await symlink(join(ROOT, name), join(folder, name));
  await edit(
    join(products, 'schema.graphql'),
    /^type Product @key.*\{$/m,
    (line) => `${line}\n  sku: String`,
  );
  await edit(
    join(products, 'src/data/product-row.ts'),
    /^ {2}updatedAt: timestamptz,$/m,
    (column) => `${column}\n  sku: nullable(text),`,
  );
  await edit(
    join(gateway, 'src/generated/operations.ts'),
    /"ProductFields"\},"typeCondition":.*?"selections":\[/g,
    (start) => `${start}{"kind":"Field","name":{"kind":"Name","value":"sku"}},`,
  );
  const SUPERGRAPH_FILE = join(gateway, 'supergraph.graphql');
  await edit(
    SUPERGRAPH_FILE,
    /^type Product\n(?: .*\n)*\{$/m,
    (line) => `${line}\n  sku: String @join__field(graph: PRODUCTS)`,
  );
  return {
    products: { entry: join(products, 'src/main.ts') },
    gateway: { entry: join(gateway, 'src/main.ts'), environment: { SUPERGRAPH_FILE } },
  };
}

/** Copies the files that a service needs to run into `folder`. */
async function copyService(path: string, folder: string): Promise<void> {
  await mkdir(join(folder, path), { recursive: true });
  for (const name of await readdir(join(ROOT, path))) {
    const [from, to] = [join(ROOT, path, name), join(folder, path, name)];
    if (name === 'node_modules') await symlink(from, to);
    else await cp(from, to, { recursive: true });
  }
}

async function edit(path: string, place: RegExp, change: (found: string) => string): Promise<void> {
  const before = await readFile(path, 'utf8');
  const after = before.replace(place, change);
  if (after === before) throw new Error(`${path} has no ${place}`);
  await writeFile(path, after);
}
