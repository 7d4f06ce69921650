// The roles of the services: what each may do in the database, tried, and read from PostgreSQL's catalogs.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ensureLogin, grantRoles } from './roles.ts';
import { createTestDatabase, type TestDatabase, testServer } from './testing.ts';
import { SERVICES, type Service, serviceRole } from './urls.ts';

let database: TestDatabase;
let admin: pg.Client;
/** A connection of each service. */
const clients = new Map<Service, pg.Client>();

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client(database.adminUrl);
  await admin.connect();
  // CREATE DATABASE … TEMPLATE does not copy the rights to a database.
  await grantRoles(admin, testServer().rolePasswords);
  for (const service of SERVICES) {
    const client = new pg.Client(database.urls[service]);
    clients.set(service, client);
    await client.connect();
  }
});

afterAll(async () => {
  for (const client of [admin, ...clients.values()]) await client.end();
  await database.release();
});

// The separation of the services, tried with each role.
describe('roles', () => {
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
  /** Append-only tables: no role changes their rows. */
  const UNCHANGING = [
    'products.idempotency_keys',
    'orders.order_events',
    'orders.idempotency_keys',
    'users.audit_events',
  ];
  /** Tables whose rows no role deletes. */
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

  /** Runs one statement as the service and rolls it back. Returns the code of the error, or 'ok'. */
  async function attempt(service: Service, sql: string): Promise<string> {
    const client = clients.get(service);
    if (client === undefined) throw new Error(`${service} has no connection`);
    await client.query('BEGIN');
    try {
      await client.query(sql);
      return 'ok';
    } catch (error) {
      if (error instanceof pg.DatabaseError) return error.code ?? error.message;
      throw error;
    } finally {
      await client.query('ROLLBACK');
    }
  }

  const DENIED = '42501';

  test('the test knows every table', async () => {
    const { rows } = await admin.query<{ name: string }>(
      `SELECT schemaname || '.' || tablename AS name FROM pg_tables
      WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    const known = [...Object.values(TABLES).flat(), ...SHARED, ...QUEUE];
    expect(rows.map(({ name }) => name).sort()).toEqual(known.sort());
  });

  describe.each(SERVICES.map((service) => ({ service })))('the role of $service', ({ service }) => {
    const others = SERVICES.filter((other) => other !== service);
    const foreign = others.flatMap((other) => TABLES[other]);
    const as = (sql: string) => attempt(service, sql);

    test.each(TABLES[service])('reads and writes its own %s', async (table) => {
      expect(await as(`SELECT * FROM ${table}`)).toBe('ok');
      // A lock needs the right to change.
      expect(await as(`SELECT * FROM ${table} FOR UPDATE`)).toBe(UNCHANGING.includes(table) ? DENIED : 'ok');
      expect(await as(`DELETE FROM ${table}`)).toBe(LASTING.includes(table) ? DENIED : 'ok');
    });

    test.each(SHARED)(
      'reads %s, which has the version of the database, and cannot change it',
      async (table) => {
        expect(await as(`SELECT * FROM ${table}`)).toBe('ok');
        expect(await as(`INSERT INTO ${table} DEFAULT VALUES`)).toBe(DENIED);
        expect(await as(`UPDATE ${table} SET id = id`)).toBe(DENIED);
        expect(await as(`DELETE FROM ${table}`)).toBe(DENIED);
        expect(await as(`TRUNCATE ${table}`)).toBe(DENIED);
      },
    );

    test('has a statement timeout on the server, even when its client sets none', async () => {
      expect(await as(`SELECT 1 / (current_setting('statement_timeout') = '10s')::int`)).toBe('ok');
    });

    test('has JIT off, because compiling its statements would take longer than running them', async () => {
      expect(await as(`SELECT 1 / (current_setting('jit') = 'off')::int`)).toBe('ok');
    });

    test.each(foreign)('has no right to %s', async (table) => {
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

  test.each(['products', 'orders'] as const)(
    'the role of %s cannot read a password hash',
    async (service) => {
      expect(await attempt(service, 'SELECT password_hash FROM users.users')).toBe(DENIED);
    },
  );

  test.each(SERVICES)('the role of %s cannot change the queue itself', async (service) => {
    const statements = [
      'ALTER TABLE graphile_worker._private_jobs DISABLE ROW LEVEL SECURITY',
      'DROP TABLE graphile_worker._private_jobs',
      'TRUNCATE graphile_worker._private_jobs',
      'DELETE FROM graphile_worker.migrations',
      'DELETE FROM graphile_worker._private_tasks',
      'CREATE TABLE graphile_worker.own (id int)',
    ];
    for (const statement of statements) expect(await attempt(service, statement)).toBe(DENIED);
  });

  test('a table that a later migration adds is closed until roles.ts names it', async () => {
    try {
      await admin.query('CREATE TABLE orders.later (id int)');
      for (const service of SERVICES)
        expect(await attempt(service, 'SELECT * FROM orders.later')).toBe(DENIED);
    } finally {
      await admin.query('DROP TABLE orders.later');
    }
  });

  test('a password with quotes and backslashes works, and the old one stops working', async () => {
    const role = `holdfast_test_${process.pid}`;
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
    }
  });
});

// Every effective right of a service, granted or inherited, as PostgreSQL's catalogs have it. Each must be listed here. A new table,
// column or function needs a line here and in roles.ts.
describe('rights', () => {
  const QUEUE = [
    'schema graphile_worker: USAGE',
    'table graphile_worker._private_job_queues: SELECT, INSERT, UPDATE',
    'table graphile_worker._private_jobs: SELECT, INSERT, UPDATE, DELETE',
    'table graphile_worker._private_known_crontabs: SELECT, INSERT, UPDATE',
    'table graphile_worker._private_tasks: SELECT, INSERT',
    'table graphile_worker.jobs: SELECT',
    'table graphile_worker.migrations: SELECT',
    'function graphile_worker.add_job',
    'function graphile_worker.add_jobs',
    'function graphile_worker.complete_jobs',
    'function graphile_worker.force_unlock_workers',
    'function graphile_worker.permanently_fail_jobs',
    'function graphile_worker.remove_job',
    'function graphile_worker.reschedule_jobs',
  ];

  const ALL_ROLES = [
    'database: CONNECT',
    'schema public: USAGE',
    // The version of the database: see status.ts.
    'table public._prisma_migrations: SELECT',
  ];

  const RIGHTS: Record<Service, readonly string[]> = {
    users: [
      ...ALL_ROLES,
      ...QUEUE,
      'schema users: USAGE',
      'table users.email_tokens: SELECT, INSERT, DELETE, ' +
        'UPDATE(email, expires_at, made_in_window, token_hash, used_at, window_started_at)',
      'table users.known_addresses: SELECT, INSERT, DELETE, UPDATE(last_seen_at)',
      'table users.login_tries: SELECT, INSERT, DELETE, UPDATE(failures, last_at)',
      'table users.sessions: SELECT, INSERT, DELETE, UPDATE(revoked_at, used_at, used_key_hash)',
      'table users.users: SELECT, INSERT, UPDATE(disabled_at, email, email_verified_at, password_hash, role, token_generation, ' +
        'tokens_ended_at, updated_at, version)',
      'table users.audit_events: SELECT, INSERT',
      'sequence users.audit_events_id_seq: USAGE',
      'sequence users.sessions_id_seq: USAGE',
      'sequence users.users_id_seq: USAGE',
      'function users.take_turn',
    ],
    products: [
      ...ALL_ROLES,
      ...QUEUE,
      'schema products: USAGE',
      'table products.idempotency_keys: SELECT, INSERT, DELETE',
      'table products.products: SELECT, INSERT, ' +
        'UPDATE(archived_at, content_version, description, name, price, stock, updated_at, version)',
      'table products.reservations: SELECT, INSERT, DELETE, UPDATE(status, updated_at)',
      'sequence products.products_id_seq: USAGE',
      'function products.release',
      'function products.reserve',
      'function products.search_query',
      'function products.search_term',
      'function products.search_vector',
      'function products.search_words',
      'function products.try_turn',
    ],
    orders: [
      ...ALL_ROLES,
      ...QUEUE,
      'schema orders: USAGE',
      'table orders.idempotency_keys: SELECT, INSERT, DELETE',
      'table orders.order_events: SELECT, INSERT',
      'table orders.orders: SELECT, INSERT, ' +
        'UPDATE(rejection_available, rejection_code, rejection_held, rejection_limit, status, updated_at, version)',
      'sequence orders.orders_id_seq: USAGE',
      'function orders.try_turn',
    ],
  };

  /** One line for each object, with all rights of the role `$1`. Objects of PostgreSQL itself are left out, except functions. */
  const EFFECTIVE = `
  WITH own AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'
  ), rights AS (
    SELECT format('database') AS thing, word, array_position(words, word) AS rank, NULL AS columns
      FROM (VALUES ('{CONNECT,CREATE,TEMPORARY}'::text[])) AS w (words), unnest(words) AS word
     WHERE has_database_privilege($1, current_database(), word)
    UNION ALL
    SELECT format('schema %s', nspname), word, array_position(words, word), NULL
      FROM own, (VALUES ('{USAGE,CREATE}'::text[])) AS w (words), unnest(words) AS word
     WHERE has_schema_privilege($1, oid, word)
    UNION ALL
    SELECT format('table %s.%s', nspname, relname), word, array_position(words, word), NULL
      FROM pg_class c JOIN own ON own.oid = relnamespace,
           (VALUES ('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[])) AS w (words), unnest(words) AS word
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege($1, c.oid, word)
    UNION ALL
    -- Of those columns that a right to the whole table does not cover.
    SELECT format('table %s.%s', nspname, relname), word, 9, string_agg(attname, ', ' ORDER BY attname COLLATE "C")
      FROM pg_class c JOIN own ON own.oid = relnamespace JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped,
           unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) AS word
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
       AND has_column_privilege($1, c.oid, attnum, word) AND NOT has_table_privilege($1, c.oid, word)
     GROUP BY nspname, relname, word
    UNION ALL
    SELECT format('sequence %s.%s', nspname, relname), word, array_position(words, word), NULL
      FROM pg_class c JOIN own ON own.oid = relnamespace,
           (VALUES ('{USAGE,SELECT,UPDATE}'::text[])) AS w (words), unnest(words) AS word
     WHERE relkind = 'S' AND has_sequence_privilege($1, c.oid, word)
    UNION ALL
    SELECT DISTINCT format('function %s.%s', nspname, proname), '', 0, NULL
      FROM pg_proc p JOIN own ON own.oid = pronamespace
     WHERE prorettype <> 'trigger'::regtype
       AND has_function_privilege($1, p.oid, 'EXECUTE') AND has_schema_privilege($1, pronamespace, 'USAGE')
    UNION ALL
    SELECT format('function of PostgreSQL: %s', proname), '', 0, NULL
      FROM pg_proc
     WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ 'advisory|^lo_|^loread|^lowrite'
       AND has_function_privilege($1, oid, 'EXECUTE')
  )
  SELECT thing || coalesce(': ' || nullif(string_agg(word || coalesce('(' || columns || ')', ''), ', ' ORDER BY rank, word), ''), '')
         AS line
    FROM rights GROUP BY thing`;

  async function rightsOf(role: string): Promise<string[]> {
    const { rows } = await admin.query<{ line: string }>(EFFECTIVE, [role]);
    return rows.map(({ line }) => line).sort();
  }

  test.each(SERVICES)('the role of %s has these rights and no other', async (service) => {
    expect(await rightsOf(serviceRole(service))).toEqual([...RIGHTS[service]].sort());
  });

  test.each(SERVICES)('the role of %s is a member of no role and owns no object', async (service) => {
    const { rows } = await admin.query(
      `SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin,
            (SELECT count(*)::int FROM pg_auth_members WHERE member = r.oid) AS member_of,
            (SELECT count(*)::int FROM pg_shdepend WHERE refobjid = r.oid AND deptype = 'o') AS owns
       FROM pg_roles r WHERE rolname = $1`,
      [serviceRole(service)],
    );
    expect(rows).toEqual([
      {
        rolsuper: false,
        rolcreaterole: false,
        rolcreatedb: false,
        rolreplication: false,
        rolbypassrls: false,
        rolcanlogin: true,
        member_of: 0,
        owns: 0,
      },
    ]);
  });

  describe('a right that is not in the list', () => {
    test.each([
      ['GRANT UPDATE ON orders.order_events TO orders_service', 'UPDATE'],
      ['GRANT UPDATE (status) ON orders.order_events TO PUBLIC', 'UPDATE(status)'],
      ['GRANT TEMPORARY ON DATABASE :db TO orders_service', 'TEMPORARY'],
      ['GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO PUBLIC', 'pg_advisory_lock'],
      [
        'CREATE VIEW public.seen AS SELECT 1; GRANT SELECT ON public.seen TO PUBLIC',
        'table public.seen: SELECT',
      ],
    ])('is found after %s', async (grant, found) => {
      const before = await rightsOf('orders_service');
      await admin.query('BEGIN');
      const { pathname } = new URL(database.adminUrl);
      await admin.query(grant.replace(':db', pathname.slice(1)));
      const after = await rightsOf('orders_service');
      await admin.query('ROLLBACK');
      const added = after.filter((line) => !before.includes(line));
      expect(added).toHaveLength(1);
      expect(added[0]).toContain(found);
    });

    test('is revoked by the next migration', async () => {
      const before = await rightsOf('orders_service');
      await admin.query('GRANT ALL ON orders.order_events, orders.orders TO orders_service');
      await grantRoles(admin, testServer().rolePasswords);
      expect(await rightsOf('orders_service')).toEqual(before);
    });
  });
});
