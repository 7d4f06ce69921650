// Databases for tests. Each is a copy of one migrated template on the server that the test run started
// (test/src/setup/global-setup.ts), as in graphile-worker's tests.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { RolePasswords } from './roles.ts';
import { databaseUrl, type Service, serviceUrl } from './urls.ts';

const SERVER_VARIABLE = 'HOLDFAST_TEST_SERVER';
const RELEASE_TIMEOUT_MS = 2_000;
const POLL_MS = 20;

/** The server of a test run: its superuser's URL, the migrated template, the passwords of the roles. */
export type TestServer = { adminUrl: string; template: string; rolePasswords: RolePasswords };

export type TestDatabase = {
  adminUrl: string;
  urls: Record<Service, string>;
  /**
   * Ends the test's use of the database. Throws when connections to it are still open, and closes them. The run removes the
   * database at its end, because DROP DATABASE waits for a checkpoint of the whole server.
   */
  release(): Promise<void>;
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
  // The end of the run finds the database by the name of the template.
  const name = `${server.template}_${randomBytes(6).toString('hex')}`;
  const template = options.empty ? 'template0' : server.template;
  await administer(server, (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE ${pg.escapeIdentifier(template)}`),
  );
  const adminUrl = databaseUrl(server.adminUrl, name);
  const urlOf = (service: Service) => serviceUrl(adminUrl, service, server.rolePasswords[service]);
  return {
    adminUrl,
    urls: { users: urlOf('users'), products: urlOf('products'), orders: urlOf('orders') },
    release: () => expectNoConnections(server, name),
  };
}

/** Loads a table without the indexes that no constraint owns, and creates them after it, because that is much faster. */
export async function loadWithoutIndexes(
  admin: pg.Client,
  table: string,
  load: () => Promise<unknown>,
): Promise<void> {
  const { rows } = await admin.query<{ name: string; definition: string }>(
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
      WHERE indrelid = $1::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`,
    [table],
  );
  for (const { name } of rows) await admin.query(`DROP INDEX ${name}`);
  await load();
  for (const { definition } of rows) await admin.query(definition);
}

async function expectNoConnections(server: TestServer, name: string): Promise<void> {
  const deadline = Date.now() + RELEASE_TIMEOUT_MS;
  await administer(server, async (client) => {
    for (;;) {
      const { rows } = await client.query<{ pid: number; text: string }>(
        `SELECT pid, concat_ws(' ', application_name, usename, state, query) AS text FROM pg_stat_activity
          WHERE datname = $1 AND backend_type = 'client backend'`,
        [name],
      );
      if (rows.length === 0) return;
      if (Date.now() > deadline) {
        await client.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [
          rows.map(({ pid }) => pid),
        ]);
        throw new Error(
          `the test left connections to its database open: ${rows.map(({ text }) => text).join('; ')}`,
        );
      }
      await sleep(POLL_MS);
    }
  });
}

async function administer(server: TestServer, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(server.adminUrl);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
