// Writes the next migration: the difference between the schema and the migrations.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MIGRATIONS_DIR, NO_FILTERS, readMigrations, readSchema } from './history.ts';
import { splitScript } from './migration-rules.ts';
import { type SchemaFile, withSchemaEngine } from './schema-engine.ts';

/** The whole text of an empty migration. */
const EMPTY = /^-- This is an empty migration\.$/m;

type Source = { adminUrl: string; schemaDir?: string; schema?: SchemaFile[]; migrationsDir?: string };

/**
 * The SQL that leads from the migrations to the schema; '' when they agree. Runs the migrations in a shadow database on the server
 * of `adminUrl`, whose role must be allowed to create databases.
 */
async function schemaDrift(source: Source): Promise<string> {
  const schema = source.schema ?? (await readSchema(source.schemaDir));
  const migrations = await readMigrations(source.migrationsDir);
  const { stdout } = await withSchemaEngine({ adminUrl: source.adminUrl, schema }, (engine) =>
    engine.diff({
      from: { tag: 'migrations', ...migrations },
      to: { tag: 'schemaDatamodel', files: schema },
      script: true,
      exitCode: null,
      filters: NO_FILTERS,
    }),
  );
  const script = (stdout ?? '').trim();
  return EMPTY.test(script) ? '' : script;
}

/**
 * Writes the next migration directory, `<UTC timestamp>_<name>/migration.sql`, and one for each index on a table that was
 * there before. Returns their paths, none when the schema has not changed. Throws for a name that is not
 * lower-case words joined by `_`.
 */
export async function writeMigration(options: Source & { name: string; now: Date }): Promise<string[]> {
  checkMigrationName(options.name);
  const script = await schemaDrift(options);
  if (script === '') return [];
  const paths: string[] = [];
  for (const [index, { name = options.name, sql }] of splitScript(script).entries()) {
    // A second apart, so that their order is that of the script.
    const at = new Date(options.now.getTime() + index * 1_000);
    const timestamp = at.toISOString().replace(/\D/g, '').slice(0, 14);
    const directory = join(options.migrationsDir ?? MIGRATIONS_DIR, `${timestamp}_${name}`);
    await mkdir(directory);
    await writeFile(join(directory, 'migration.sql'), `${sql}\n`);
    paths.push(directory);
  }
  return paths;
}

/** Throws unless `name` is lower-case words joined by `_`, as Prisma writes them. */
export function checkMigrationName(name: string): void {
  if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name) || name.length > 100) {
    throw new Error(
      `the name of a migration: expected lower-case words joined by "_", such as add_product_weight, got ${JSON.stringify(name)}`,
    );
  }
}
