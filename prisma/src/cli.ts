#!/usr/bin/env node
// `npm run db:migrate`, and the migration job of a deployment: migrates the database of DATABASE_URL. `status` only
// says whether that database has every migration, by its exit code; `wait` gives it ten minutes to get there.
import { migrate } from './migrate.ts';
import type { RolePasswords } from './roles.ts';
import { databaseStatus, type Status, waitForDatabase } from './status.ts';

const WAIT_MS = 600_000;

type Settings = { adminUrl: string; rolePasswords: RolePasswords };

/** Reads the settings, or throws one error that names everything wrong with them. */
function readSettings(env: NodeJS.ProcessEnv): Settings {
  const faults: string[] = [];
  const need = (name: string): string => {
    const value = env[name] ?? '';
    if (value === '') faults.push(`${name} is not set`);
    return value;
  };
  const adminUrl = need('DATABASE_URL');
  if (adminUrl !== '' && !isPostgresUrl(adminUrl)) {
    faults.push('DATABASE_URL is no PostgreSQL URL (postgres://user:password@host:5432/database)');
  }
  const rolePasswords = {
    users: need('USERS_DB_PASSWORD'),
    products: need('PRODUCTS_DB_PASSWORD'),
    orders: need('ORDERS_DB_PASSWORD'),
  };
  if (faults.length > 0) throw new Error(faults.join('; '));
  return { adminUrl, rolePasswords };
}

function isPostgresUrl(text: string): boolean {
  return URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol);
}

/** Reads the one setting of `status` and `wait`. */
function readUrl(env: NodeJS.ProcessEnv): string {
  const url = env['DATABASE_URL'] ?? '';
  if (isPostgresUrl(url)) return url;
  throw new Error(
    'DATABASE_URL is not set to a PostgreSQL URL (postgres://user:password@host:5432/database)',
  );
}

async function applyAll(): Promise<void> {
  const applied = await migrate({ ...readSettings(process.env), log: (line) => console.log(line) });
  console.log(
    applied.length === 0 ? 'the database was up to date' : `applied ${applied.length} migration(s)`,
  );
}

function report(status: Status): void {
  if (!status.ready) throw new Error(status.reason);
  console.log('the database has every migration');
}

async function run(args: readonly string[]): Promise<void> {
  const [command] = args;
  if (command === undefined) return applyAll();
  if (args.length > 1 || (command !== 'status' && command !== 'wait'))
    throw new Error(`unknown argument ${args.join(' ')} (there are status and wait)`);
  const url = readUrl(process.env);
  if (command === 'status') return report(await databaseStatus(url));
  // Process 1 of a container is not ended by a signal that it does not handle, and a pod that waits has nothing to finish.
  process.once('SIGTERM', () => process.exit(143));
  return report(await waitForDatabase(url, WAIT_MS, (line) => console.log(`waiting: ${line}`)));
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  console.error(`db:migrate: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
