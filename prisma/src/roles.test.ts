// The wall between the services, tried from each side.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ensureLogin, grantRoles } from './roles.ts';
import { createTestDatabase, type TestDatabase, testServer } from './testing.ts';
import { SERVICES, type Service } from './urls.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  // Rights to a database are not copied with it.
  const admin = new pg.Client(database.adminUrl);
  await admin.connect();
  await grantRoles(admin, testServer().rolePasswords);
  await admin.end();
});

afterAll(async () => {
  await database.drop();
});

const TABLES: Record<Service, string[]> = {
  users: [
    'users.users',
    'users.sessions',
    'users.audit_events',
    'users.email_tokens',
    'users.login_tries',
    'users.known_addresses',
  ],
  products: ['products.products', 'products.reservations', 'products.idempotency_keys'],
  orders: ['orders.orders', 'orders.order_events', 'orders.idempotency_keys'],
};
/** Rows that stay as they were written. */
const UNCHANGING = [
  'products.idempotency_keys',
  'orders.order_events',
  'orders.idempotency_keys',
  'users.audit_events',
];
/** Rows that stay. */
const LASTING = [
  'users.users',
  'products.products',
  'orders.orders',
  'orders.order_events',
  'users.audit_events',
];
const SHARED = ['public._prisma_migrations'];
const QUEUE = [
  'graphile_worker._private_jobs',
  'graphile_worker._private_tasks',
  'graphile_worker._private_job_queues',
  'graphile_worker._private_known_crontabs',
  'graphile_worker.migrations',
];

/** Runs one statement as the service, undone; gives the error's code, or 'ok'. */
async function attempt(url: string, sql: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query(sql);
    return 'ok';
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error.code ?? error.message;
    throw error;
  } finally {
    await client.end();
  }
}

const DENIED = '42501';

test('the test knows every table there is', async () => {
  const client = new pg.Client(database.adminUrl);
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    `SELECT schemaname || '.' || tablename AS name FROM pg_tables
      WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  await client.end();
  const known = [...Object.values(TABLES).flat(), ...SHARED, ...QUEUE];
  expect(rows.map(({ name }) => name).sort()).toEqual(known.sort());
});

describe.each(SERVICES.map((service) => ({ service })))('the role of $service', ({ service }) => {
  const others = SERVICES.filter((other) => other !== service);
  const foreign = others.flatMap((other) => TABLES[other]);
  const as = (sql: string) => attempt(database.urls[service], sql);

  test.each(TABLES[service])('reads and writes its own %s', async (table) => {
    expect(await as(`SELECT * FROM ${table}`)).toBe('ok');
    // A lock needs the right to change.
    expect(await as(`SELECT * FROM ${table} FOR UPDATE`)).toBe(UNCHANGING.includes(table) ? DENIED : 'ok');
    expect(await as(`DELETE FROM ${table}`)).toBe(LASTING.includes(table) ? DENIED : 'ok');
  });

  test.each(SHARED)(
    'reads %s, which tells how new the database is, and changes nothing in it',
    async (table) => {
      expect(await as(`SELECT * FROM ${table}`)).toBe('ok');
      expect(await as(`INSERT INTO ${table} DEFAULT VALUES`)).toBe(DENIED);
      expect(await as(`UPDATE ${table} SET id = id`)).toBe(DENIED);
      expect(await as(`DELETE FROM ${table}`)).toBe(DENIED);
      expect(await as(`TRUNCATE ${table}`)).toBe(DENIED);
    },
  );

  test('has its statements bounded in time by the server, whatever its client asks for', async () => {
    expect(await as(`SELECT 1 / (current_setting('statement_timeout') = '10s')::int`)).toBe('ok');
  });

  test('has no statement compiled, which would take longer than to run it', async () => {
    expect(await as(`SELECT 1 / (current_setting('jit') = 'off')::int`)).toBe('ok');
  });

  test.each(foreign)('can do nothing with %s', async (table) => {
    const columns = new Map([
      ['orders.order_events', 'order_id'],
      ['users.email_tokens', 'user_id'],
    ]);
    const column = columns.get(table) ?? (table.endsWith('_keys') ? 'key' : 'id');
    expect(await as(`SELECT * FROM ${table}`)).toBe(DENIED);
    expect(await as(`SELECT count(*) FROM ${table}`)).toBe(DENIED);
    expect(await as(`INSERT INTO ${table} DEFAULT VALUES`)).toBe(DENIED);
    expect(await as(`UPDATE ${table} SET ${column} = ${column}`)).toBe(DENIED);
    expect(await as(`DELETE FROM ${table}`)).toBe(DENIED);
    expect(await as(`TRUNCATE ${table}`)).toBe(DENIED);
    expect(await as(`LOCK TABLE ${table}`)).toBe(DENIED);
    expect(await as(`COPY ${table} TO STDOUT`)).toBe(DENIED);
  });

  test.each([
    `CREATE TABLE ${service}.own (id int)`,
    'CREATE TABLE public.common (id int)',
    'CREATE SCHEMA another',
    `ALTER TABLE ${TABLES[service][0]} ADD COLUMN more int`,
    `DROP TABLE ${TABLES[service][0]} CASCADE`,
    `TRUNCATE ${TABLES[service][0]} CASCADE`,
    `CREATE INDEX ON ${TABLES[service][0]} (created_at)`,
    'CREATE ROLE friend',
    `ALTER ROLE ${service}_service SUPERUSER`,
    'SET ROLE postgres',
    `COPY ${TABLES[service][0]} TO PROGRAM 'true'`,
    `SELECT pg_read_file('PG_VERSION')`,
    'CREATE TEMPORARY TABLE mine (id int)',
    'SELECT lo_create(0)',
    `SELECT pg_advisory_lock(hashtextextended('holdfast.migrate', 0))`,
    `SELECT pg_try_advisory_xact_lock(1, 1)`,
    `CREATE FUNCTION ${service}.f() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1`,
  ])('may not %s', async (statement) => {
    expect(await as(statement)).toBe(DENIED);
  });
});

test.each(['products', 'orders'] as const)('the role of %s cannot read a password hash', async (service) => {
  expect(await attempt(database.urls[service], 'SELECT password_hash FROM users.users')).toBe(DENIED);
});

test.each(SERVICES)('the role of %s cannot change the queue itself', async (service) => {
  const statements = [
    'ALTER TABLE graphile_worker._private_jobs DISABLE ROW LEVEL SECURITY',
    'DROP TABLE graphile_worker._private_jobs',
    'TRUNCATE graphile_worker._private_jobs',
    'DELETE FROM graphile_worker.migrations',
    'DELETE FROM graphile_worker._private_tasks',
    'CREATE TABLE graphile_worker.own (id int)',
  ];
  for (const statement of statements) expect(await attempt(database.urls[service], statement)).toBe(DENIED);
});

test('a table that a later migration adds is closed until roles.ts names it', async () => {
  const client = new pg.Client(database.adminUrl);
  await client.connect();
  try {
    await client.query('CREATE TABLE orders.later (id int)');
    for (const service of SERVICES)
      expect(await attempt(database.urls[service], 'SELECT * FROM orders.later')).toBe(DENIED);
  } finally {
    await client.query('DROP TABLE orders.later');
    await client.end();
  }
});

test('a password with quotes and backslashes works, and the old one stops working', async () => {
  const role = `holdfast_test_${process.pid}`;
  const admin = new pg.Client(database.adminUrl);
  await admin.connect();
  const login = async (password: string) => {
    const { hostname, port } = new URL(database.adminUrl);
    const client = new pg.Client({
      host: hostname,
      port: Number(port),
      database: 'postgres',
      user: role,
      password,
    });
    await client.connect();
    await client.end();
  };
  try {
    await ensureLogin(admin, role, 'the first password');
    await login('the first password');
    await ensureLogin(admin, role, `it's "odd" \\ & 100%`);
    await login(`it's "odd" \\ & 100%`);
    await expect(login('the first password')).rejects.toThrow('password authentication failed');
  } finally {
    await admin.query(`DROP ROLE IF EXISTS ${role}`);
    await admin.end();
  }
});
