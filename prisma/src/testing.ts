// Databases for tests. Each is a copy of one migrated template on the server that the test run started
// (test/src/setup/global-setup.ts), as in graphile-worker's tests.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { RolePasswords } from './roles.ts';
import { databaseUrl, type Service, serviceUrl } from './urls.ts';

const SERVER_VARIABLE = 'HOLDFAST_TEST_SERVER';
const RELEASE_TIMEOUT_MS = 2_000;

/** The server of a test run: its superuser's URL, the migrated template, the passwords of the roles. */
export type TestServer = { adminUrl: string; template: string; rolePasswords: RolePasswords };

export type TestDatabase = {
  adminUrl: string;
  urls: Record<Service, string>;
  /** Drops the database. When connections to it are still open, it drops the database and then throws. */
  drop(): Promise<void>;
};

/** Publishes the server to the test processes. Only the global set-up calls this. */
export function announceTestServer(server: TestServer): void {
  process.env[SERVER_VARIABLE] = JSON.stringify(server);
}

/** The server of this test run. Throws when there is none. */
export function testServer(): TestServer {
  const announced = process.env[SERVER_VARIABLE];
  if (announced === undefined) throw new Error('no test server: run the tests with `npm test`');
  return JSON.parse(announced);
}

/** Creates a migrated database without rows, or an empty one. */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const server = testServer();
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`;
  const template = options.empty ? 'template0' : server.template;
  await administer(server, `CREATE DATABASE ${name} TEMPLATE ${pg.escapeIdentifier(template)}`);
  const adminUrl = databaseUrl(server.adminUrl, name);
  const urlOf = (service: Service) => serviceUrl(adminUrl, service, server.rolePasswords[service]);
  return {
    adminUrl,
    urls: { users: urlOf('users'), products: urlOf('products'), orders: urlOf('orders') },
    drop: () => dropDatabase(server, name),
  };
}

async function dropDatabase(server: TestServer, name: string): Promise<void> {
  const deadline = Date.now() + RELEASE_TIMEOUT_MS;
  for (;;) {
    try {
      return await administer(server, `DROP DATABASE ${name}`);
    } catch (error) {
      const inUse = error instanceof pg.DatabaseError && error.code === '55006';
      if (!inUse) throw error;
      if (Date.now() > deadline) {
        await administer(server, `DROP DATABASE ${name} WITH (FORCE)`);
        throw new Error(`the test left connections to its database open (${error.detail ?? error.message})`);
      }
      await sleep(20);
    }
  }
}

async function administer(server: TestServer, statement: string): Promise<void> {
  const client = new pg.Client(server.adminUrl);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
