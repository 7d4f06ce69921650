#!/usr/bin/env node
// `npm run db:migrate`, and the migration job of a deployment: migrates the database of DATABASE_URL. With the argument `status`, the
// exit code says whether the database has every migration; with `wait`, the program waits up to ten minutes for them.
import { readDatabaseUrl, readMigratorSettings } from './config.ts';
import { migrate } from './migrate.ts';
import { databaseStatus, type Status, waitForDatabase } from './status.ts';

const WAIT_MS = 600_000;

async function applyAll(): Promise<void> {
  const applied = await migrate({ ...readMigratorSettings(process.env), log: (line) => console.log(line) });
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
    throw new Error(`unknown argument ${args.join(' ')}: expected status, wait or no argument`);
  const url = readDatabaseUrl(process.env);
  if (command === 'status') return report(await databaseStatus(url));
  // Linux does not end process 1 of a container by a signal without a handler. A waiting pod has no work to finish.
  process.once('SIGTERM', () => process.exit(143));
  return report(await waitForDatabase(url, WAIT_MS, (line) => console.log(`waiting: ${line}`)));
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  console.error(`db:migrate: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
