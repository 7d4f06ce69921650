// Prisma's schema engine, which `prisma migrate` runs, as WebAssembly over adapter-pg. So no native binary has to be downloaded.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  DriverAdapterError,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';
import { addCharType } from './char-columns.ts';
import { runPolitely } from './polite-script.ts';
import { databaseUrl } from './urls.ts';

export type SchemaEngine = bindings.SchemaEngine;

/** A file of the Prisma schema: its absolute path and its text. */
export type SchemaFile = { path: string; content: string };

/**
 * Runs `use` with an engine on the database at `adminUrl` and closes its connections afterwards.
 * Every operation of the engine needs `schema`, which must have at least one file.
 */
export async function withSchemaEngine<Result>(
  options: { adminUrl: string; schema: SchemaFile[]; log?: (line: string) => void },
  use: (engine: SchemaEngine) => Promise<Result>,
): Promise<Result> {
  await loadWasm();
  const pool = enginePool(options.adminUrl);
  try {
    const engine = await bindings.SchemaEngine.new(
      { datamodels: options.schema.map(({ path, content }) => [path, content]) },
      () => undefined,
      bindMigrationAwareSqlAdapterFactory(adapterFactory(pool, options)),
    );
    try {
      return await use(engine);
    } finally {
      engine.free();
    }
  } finally {
    await pool.end();
  }
}

let loading: Promise<void> | undefined;

/** Instantiates the module once for each process, because its bindings are a singleton. */
function loadWasm(): Promise<void> {
  loading ??= instantiate();
  return loading;
}

async function instantiate(): Promise<void> {
  // The engine reports a panic to this global and then traps. Without it, the error says only "unreachable".
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: {
      set_message(message: string) {
        throw new Error(`Prisma's schema engine panicked: ${message}`);
      },
    },
  });
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const wasm = await readFile(entry.replace(/\.js$/, '.wasm'));
  const { instance } = await WebAssembly.instantiate(wasm, {
    './schema_engine_bg.js': withIdleTimers(bindings),
  });
  bindings.__wbg_set_wasm(instance.exports);
  const start: unknown = Reflect.get(instance.exports, '__wbindgen_start');
  if (typeof start !== 'function') throw new Error('@prisma/schema-engine-wasm has no __wbindgen_start');
  start();
}

/** The engine never clears the 10 s timer of its lock, and the timer would keep the process alive. */
function withIdleTimers(imports: object): object {
  const idle = (callback: () => void, ms: number) => setTimeout(callback, ms).unref();
  return Object.fromEntries(
    Object.entries(imports).map(([name, value]) => [
      name,
      name.startsWith('__wbg_setTimeout_') ? idle : value,
    ]),
  );
}

function enginePool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 4, connectionTimeoutMillis: 10_000 });
  // The pool replaces an idle connection that breaks. The next statement reports a lasting error.
  pool.on('error', () => undefined);
  return pool;
}

function adapterFactory(
  pool: pg.Pool,
  { adminUrl, log = () => undefined }: { adminUrl: string; log?: (line: string) => void },
): SqlMigrationAwareDriverAdapterFactory {
  const main = new PrismaPg(pool);
  return {
    provider: main.provider,
    adapterName: main.adapterName,
    connect: async () => engineAdapter(await main.connect(), pool, log),
    connectToShadowDb: () => connectToShadowDatabase(pool, adminUrl),
  };
}

/**
 * adapter-pg drops its shadow database while its pool is still connected, which PostgreSQL refuses. This one closes the pool first.
 */
async function connectToShadowDatabase(admin: pg.Pool, adminUrl: string): Promise<SqlDriverAdapter> {
  const name = `prisma_migrate_shadow_db_${crypto.randomUUID()}`;
  await admin.query(`CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE template0`);
  const pool = enginePool(databaseUrl(adminUrl, name));
  const adapter = engineAdapter(await new PrismaPg(pool).connect(), pool, () => undefined);
  adapter.dispose = async () => {
    await pool.end();
    await admin.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
  };
  return adapter;
}

/** adapter-pg's adapter with the functions that the engine needs and adapter-pg lacks. */
function engineAdapter<Adapter extends SqlDriverAdapter>(
  adapter: Adapter,
  pool: pg.Pool,
  log: (line: string) => void,
): Adapter {
  return addCharType(withWholeScripts(adapter, pool, log), pool);
}

/**
 * adapter-pg splits a script at every `;`, also in comments and function bodies, and runs the parts one by one. This sends the whole
 * script, as the native engine does: PostgreSQL parses it, and a migration is one transaction.
 */
function withWholeScripts<Adapter extends SqlDriverAdapter>(
  adapter: Adapter,
  pool: pg.Pool,
  log: (line: string) => void,
): Adapter {
  adapter.executeScript = async (script) => {
    try {
      await runPolitely(pool, script, log);
    } catch (cause) {
      if (!(cause instanceof pg.DatabaseError)) throw cause;
      throw new DriverAdapterError({
        kind: 'postgres',
        code: cause.code ?? 'XX000',
        severity: cause.severity ?? 'ERROR',
        message: cause.message,
        detail: cause.detail,
        column: cause.column,
        hint: cause.hint,
      });
    }
  };
  return adapter;
}
