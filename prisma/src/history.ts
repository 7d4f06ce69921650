// Reads the Prisma schema and the migration history of this folder, in the form that the engine expects.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MigrationDirectory, MigrationList } from '@prisma/schema-engine-wasm/schema_engine_bg';
import type { SchemaFile } from './schema-engine.ts';

export const SCHEMA_DIR = fileURLToPath(new URL('../schema', import.meta.url));
export const MIGRATIONS_DIR = fileURLToPath(new URL('../migrations', import.meta.url));

const LOCK_FILE = 'migration_lock.toml';

/** All tables and enumerations of the three schemas belong to this history. */
export const NO_FILTERS = { externalTables: [], externalEnums: [] };

/** Every `*.prisma` file of `dir`, by name. */
export async function readSchema(dir: string = SCHEMA_DIR): Promise<SchemaFile[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.prisma')).sort();
  return Promise.all(
    names.map(async (name) => {
      const path = join(dir, name);
      return { path, content: await readFile(path, 'utf8') };
    }),
  );
}

/** Every migration of `baseDir`, oldest first. The engine reports a directory without its file. */
export async function readMigrations(baseDir: string = MIGRATIONS_DIR): Promise<MigrationList> {
  const entries = await readdir(baseDir, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return {
    baseDir,
    lockfile: { path: LOCK_FILE, content: await readFile(join(baseDir, LOCK_FILE), 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(names.sort().map((name) => readMigration(baseDir, name))),
  };
}

async function readMigration(baseDir: string, name: string): Promise<MigrationDirectory> {
  const file = 'migration.sql';
  try {
    const value = await readFile(join(baseDir, name, file), 'utf8');
    return { path: name, migrationFile: { path: file, content: { tag: 'ok', value } } };
  } catch (error) {
    const value = error instanceof Error ? error.message : String(error);
    return { path: name, migrationFile: { path: file, content: { tag: 'error', value } } };
  }
}
