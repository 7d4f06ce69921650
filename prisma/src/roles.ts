// One database role for each service, which reads and writes only the schema of the service. All roles share the queue, which has the
// jobs of products and orders and the mails of users.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { SERVICES, type Service, serviceRole } from './urls.ts';

export type RolePasswords = Record<Service, string>;

/** The schema of graphile-worker's tables. */
export const QUEUE_SCHEMA = 'graphile_worker';
const QUEUE_SERVICES: Service[] = ['users', 'products', 'orders'];

/**
 * The rights of each service. A table that is not here is closed to all services. A service may delete only rows that become old,
 * may not change append-only rows, and may update only the columns that its statements write. A right that the previous version
 * still uses stays until that version does not run any more.
 */
const OWN_RIGHTS: Record<Service, Record<string, string>> = {
  users: {
    users:
      'SELECT, INSERT, UPDATE (email, password_hash, email_verified_at, role, version, updated_at, disabled_at, ' +
      'token_generation, tokens_ended_at)',
    sessions: 'SELECT, INSERT, UPDATE (used_at, used_key_hash, revoked_at), DELETE',
    audit_events: 'SELECT, INSERT',
    email_tokens:
      'SELECT, INSERT, UPDATE (token_hash, email, expires_at, used_at, window_started_at, made_in_window), DELETE',
    login_tries: 'SELECT, INSERT, UPDATE (failures, last_at), DELETE',
    known_addresses: 'SELECT, INSERT, UPDATE (last_seen_at), DELETE',
  },
  products: {
    products:
      'SELECT, INSERT, UPDATE (name, description, price, stock, version, content_version, archived_at, updated_at)',
    reservations: 'SELECT, INSERT, UPDATE (status, updated_at), DELETE',
    idempotency_keys: 'SELECT, INSERT, DELETE',
  },
  orders: {
    orders:
      'SELECT, INSERT, UPDATE (status, version, rejection_code, rejection_available, rejection_limit, rejection_held, updated_at)',
    order_events: 'SELECT, INSERT',
    idempotency_keys: 'SELECT, INSERT, DELETE',
  },
};

/** The rights that a worker and `add_job` need on each table: both run with the rights of the calling role. */
const QUEUE_RIGHTS = {
  migrations: 'SELECT',
  _private_tasks: 'SELECT, INSERT',
  _private_job_queues: 'SELECT, INSERT, UPDATE',
  _private_jobs: 'SELECT, INSERT, UPDATE, DELETE',
  _private_known_crontabs: 'SELECT, INSERT, UPDATE',
  jobs: 'SELECT',
};

/**
 * Revokes from all roles the functions of PostgreSQL that no service needs: large objects, which could fill the disk, and advisory
 * locks, by which a role could block the others (a service uses `take_turn` and `try_turn` of its schema). Only the owner of these
 * functions, a superuser, can revoke them.
 */
const CLOSE_FUNCTIONS = `
  DO $$
  DECLARE "closed" regprocedure;
  BEGIN
    FOR "closed" IN
      SELECT oid FROM pg_proc
       WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^(pg_(try_)?advisory_|lo_|loread$|lowrite$)'
         AND has_function_privilege('public', oid, 'EXECUTE') AND pg_has_role(proowner, 'USAGE')
    LOOP
      EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', "closed");
    END LOOP;
  END $$`;

const quote = pg.escapeIdentifier;

/**
 * Creates the roles, sets their passwords and grants them their rights. It can be repeated. It needs the schemas of the services and of
 * the queue, and an administrator's connection outside a transaction.
 */
export async function grantRoles(client: pg.ClientBase, passwords: RolePasswords): Promise<void> {
  for (const service of SERVICES) {
    await ensureLogin(client, serviceRole(service), passwords[service]);
    await retryRace(() => limitStatements(client, serviceRole(service)));
  }
  await client.query('BEGIN');
  try {
    await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    await client.query(await writeTemporaryRevocation(client));
    await client.query(CLOSE_FUNCTIONS);
    for (const service of SERVICES) await client.query(writeSchemaGrants(service, serviceRole(service)));
    for (const service of QUEUE_SERVICES) await client.query(writeQueueGrants(serviceRole(service)));
    // By this table a service checks whether the database has all its migrations (status.ts).
    await client.query(
      `GRANT SELECT ON public._prisma_migrations TO ${SERVICES.map(serviceRole).join(', ')}`,
    );
    await addQueuePolicies(client, QUEUE_SERVICES.map(serviceRole));
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** Whether every role may still use PostgreSQL's large objects and advisory locks. */
export async function hasOpenFunctions(client: pg.ClientBase): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT WHERE has_function_privilege('public', 'pg_advisory_lock(bigint)', 'EXECUTE')
               OR has_function_privilege('public', 'lo_create(oid)', 'EXECUTE')`,
  );
  return rowCount !== 0;
}

/** Creates or changes `role` so that it can log in with `password`. */
export async function ensureLogin(client: pg.ClientBase, role: string, password: string): Promise<void> {
  await retryRace(async () => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
    const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
    await client.query(`${verb} ROLE ${quote(role)} LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
  });
}

/**
 * The services set the timeout on each connection too, but a pooler such as PgBouncer does not forward it. JIT is off, because it
 * takes far longer to compile the short statements of the services than to run them.
 */
async function limitStatements(client: pg.ClientBase, role: string): Promise<void> {
  await client.query(`ALTER ROLE ${quote(role)} SET statement_timeout = '10s'`);
  await client.query(`ALTER ROLE ${quote(role)} SET jit = off`);
}

/** Repeats `attempt` after a conflict: roles belong to the server, so a migrator of another database may change the same roles. */
async function retryRace(attempt: () => Promise<void>): Promise<void> {
  const attempts = 20;
  for (let left = attempts; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0 || !isRace(error)) throw error;
      await sleep(10 + Math.random() * 40);
    }
  }
}

function isRace(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return false;
  const alreadyThere = error.code === '42710' || error.code === '23505';
  return alreadyThere || (error.code === 'XX000' && error.message.startsWith('tuple concurrently'));
}

function writeSchemaGrants(service: Service, role: string): string {
  const [schema, grantee] = [quote(service), quote(role)];
  const tables = Object.entries(OWN_RIGHTS[service]).map(
    ([table, rights]) => `GRANT ${rights} ON ${schema}.${quote(table)} TO ${grantee};`,
  );
  return `
    REVOKE ALL ON SCHEMA ${schema} FROM PUBLIC;
    REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema} FROM PUBLIC;
    REVOKE ALL ON ALL TABLES IN SCHEMA ${schema} FROM ${grantee};
    GRANT USAGE ON SCHEMA ${schema} TO ${grantee};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${grantee};
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema} TO ${grantee};
    ${tables.join(' ')}`;
}

/** No service needs temporary tables, which could fill the disk. */
async function writeTemporaryRevocation(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
  return `REVOKE TEMPORARY ON DATABASE ${quote(rows[0]?.name ?? '')} FROM PUBLIC`;
}

function writeQueueGrants(role: string): string {
  const tables = Object.entries(QUEUE_RIGHTS).map(
    ([table, rights]) => `GRANT ${rights} ON ${QUEUE_SCHEMA}.${quote(table)} TO ${quote(role)};`,
  );
  return `GRANT USAGE ON SCHEMA ${QUEUE_SCHEMA} TO ${quote(role)}; ${tables.join(' ')}`;
}

/** graphile-worker enables row level security without a policy, which closes its tables to all roles but their owner. */
async function addQueuePolicies(client: pg.ClientBase, roles: string[]): Promise<void> {
  const name = 'holdfast_services';
  const { rows } = await client.query<{ relname: string }>(
    `SELECT relname FROM pg_class
      WHERE relnamespace = '${QUEUE_SCHEMA}'::regnamespace AND relrowsecurity AND relname = ANY ($1)
        AND NOT EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = pg_class.oid AND polname = $2)`,
    [Object.keys(QUEUE_RIGHTS), name],
  );
  for (const { relname } of rows) {
    await client.query(
      `CREATE POLICY ${name} ON ${QUEUE_SCHEMA}.${quote(relname)} TO ${roles.map(quote).join(', ')} USING (true) WITH CHECK (true)`,
    );
  }
}
