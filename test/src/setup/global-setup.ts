// Before a test run: one PostgreSQL server and one migrated template database, from which tests take copies.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseUrl } from '@holdfast/database';
import { migrate } from '@holdfast/database/migrate';
import { announceTestServer } from '@holdfast/database/testing';
import { startPostgres } from '@holdfast/scripts/postgres';
import pg from 'pg';
import { keepServer, sweepAbandonedServers } from './server.ts';

const TEMPLATE = 'holdfast_template';

export default async function globalSetup(): Promise<void> {
  await sweepAbandonedServers();
  const dataDir = join(tmpdir(), `holdfast-test-${process.pid}`);
  await mkdir(dataDir, { mode: 0o755 });
  // Tests that crash a server start one of their own, a durable one.
  const server = await startPostgres({ dataDir, durable: false });
  keepServer({ server, dataDir });

  const client = new pg.Client(server.adminUrl);
  await client.connect();
  await client.query(`CREATE DATABASE ${TEMPLATE} TEMPLATE template0`);
  await client.end();

  const password = () => randomBytes(18).toString('base64url');
  const rolePasswords = { users: password(), products: password(), orders: password() };
  await migrate({ adminUrl: databaseUrl(server.adminUrl, TEMPLATE), rolePasswords, log: () => undefined });
  announceTestServer({ adminUrl: server.adminUrl, template: TEMPLATE, rolePasswords });
}
