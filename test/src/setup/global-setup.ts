// Before a test run: one PostgreSQL server and one migrated template database, from which tests take copies.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseUrl } from '@holdfast/database';
import { migrate } from '@holdfast/database/migrate';
import { announceTestServer } from '@holdfast/database/testing';
import { startPostgres } from '@holdfast/local/postgres/server';
import { COMPILE_CACHE } from '@holdfast/local/settings/services';
import { administer, keepServer, sweepAbandonedServers } from './server.ts';
import { offerSharedSystem } from './shared-system.ts';

export default async function globalSetup(): Promise<void> {
  // Programs that a test starts get the settings of the test, and none of the developer.
  process.env['ENV_FILE'] = '/dev/null';
  // Node compiles the programs once for all tests.
  process.env['NODE_COMPILE_CACHE'] = COMPILE_CACHE;
  const adminUrl = await openServer();
  const template = `holdfast_template_${process.pid}`;
  await administer(adminUrl, `CREATE DATABASE ${template} TEMPLATE template0`);
  const password = () => randomBytes(18).toString('base64url');
  const rolePasswords = { users: password(), products: password(), orders: password() };
  await migrate({ adminUrl: databaseUrl(adminUrl, template), rolePasswords, log: () => undefined });
  announceTestServer({ adminUrl, template, rolePasswords });
  await offerSharedSystem();
}

/** The administrator's URL of the server of DATABASE_URL, or of an embedded server. */
async function openServer(): Promise<string> {
  const { DATABASE_URL: given } = process.env;
  // The given server is for the databases of tests. A program that a test starts gets its URL from the test.
  delete process.env['DATABASE_URL'];
  if (given) return given;
  await sweepAbandonedServers();
  const dataDir = join(tmpdir(), `holdfast-test-${process.pid}`);
  await mkdir(dataDir, { mode: 0o755 });
  // Tests that crash a server start one of their own, a durable one.
  const server = await startPostgres({ dataDir, durable: false });
  keepServer({ server, dataDir });
  return server.adminUrl;
}
