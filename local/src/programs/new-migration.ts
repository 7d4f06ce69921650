// `npm run db:migration -- NAME`: writes the next migration from the changes of the schema. The shadow database is on the server of
// DATABASE_URL, or on an embedded one.
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { checkMigrationName, writeMigration } from '@holdfast/database/write-migration';
import { readCommandLineOrExit } from '../command-line/command-line.js';
import { removePostgres, startPostgres } from '../postgres/server.ts';

async function main(name: string): Promise<void> {
  checkMigrationName(name);
  const paths = await withServer((adminUrl) => writeMigration({ adminUrl, name, now: new Date() }));
  if (paths.length === 0) console.log('the schema has not changed since the last migration');
  for (const path of paths)
    console.log(`wrote ${relative(process.cwd(), path)}/migration.sql; read it before you commit it`);
}

async function withServer<Result>(use: (adminUrl: string) => Promise<Result>): Promise<Result> {
  const external = process.env['DATABASE_URL'];
  if (external) return use(external);
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-migration-'));
  // When root starts the server, it runs as another account, which must be able to enter.
  await chmod(dataDir, 0o755);
  try {
    const server = await startPostgres({ dataDir, durable: false });
    try {
      return await use(server.adminUrl);
    } finally {
      await server.stop();
    }
  } finally {
    await removePostgres(dataDir);
  }
}

try {
  await main(readCommandLineOrExit('db:migration').positionals[0] ?? '');
} catch (error) {
  console.error(`db:migration: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
