// One database role a service: it reads and writes its own schema and nothing else. products and orders also
// share the queue, which is what carries messages between them.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { SERVICES, type Service, serviceRole } from './urls.ts';

export type RolePasswords = Record<Service, string>;

/** The schema of graphile-worker's tables. */
export const QUEUE_SCHEMA = 'graphile_worker';
const QUEUE_SERVICES: Service[] = ['products', 'orders'];

/** What a worker and `add_job` do to each table: they run with the rights of whoever calls them. */
const QUEUE_RIGHTS = {
  migrations: 'SELECT',
  _private_tasks: 'SELECT, INSERT',
  _private_job_queues: 'SELECT, INSERT, UPDATE',
  _private_jobs: 'SELECT, INSERT, UPDATE, DELETE',
  _private_known_crontabs: 'SELECT, INSERT, UPDATE',
  jobs: 'SELECT',
};

const quote = pg.escapeIdentifier;

/**
 * Creates the roles, sets their passwords and grants them their rights; repeating it changes nothing. Needs the
 * schemas of the services and of the queue, and an administrator's connection outside a transaction.
 */
export async function grantRoles(client: pg.ClientBase, passwords: RolePasswords): Promise<void> {
  for (const service of SERVICES) {
    await ensureLogin(client, serviceRole(service), passwords[service]);
    await retryRace(() => boundStatements(client, serviceRole(service)));
  }
  await client.query('BEGIN');
  try {
    await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    for (const service of SERVICES) await client.query(ownSchemaGrants(service, serviceRole(service)));
    await client.query(withheldRights());
    for (const service of QUEUE_SERVICES) await client.query(queueGrants(serviceRole(service)));
    // What a service needs to tell whether the database is as new as itself: see status.ts.
    await client.query(
      `GRANT SELECT ON public._prisma_migrations TO ${SERVICES.map(serviceRole).join(', ')}`,
    );
    await letThroughRowSecurity(client, QUEUE_SERVICES.map(serviceRole));
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** Makes `role` one that logs in with `password`, whether it existed or not. */
export async function ensureLogin(client: pg.ClientBase, role: string, password: string): Promise<void> {
  await retryRace(async () => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
    const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
    await client.query(`${verb} ROLE ${quote(role)} LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
  });
}

/**
 * The services ask for the timeout on each connection, too; a pooler such as PgBouncer does not hand that on. Their statements
 * are short, and PostgreSQL compiles those that it takes for long ones (JIT), which takes far longer than to run them.
 */
async function boundStatements(client: pg.ClientBase, role: string): Promise<void> {
  await client.query(`ALTER ROLE ${quote(role)} SET statement_timeout = '10s'`);
  await client.query(`ALTER ROLE ${quote(role)} SET jit = off`);
}

/** Roles belong to the server, not to the database: a migrator of another database may be at the same ones. */
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

function ownSchemaGrants(schema: string, role: string): string {
  const rights = 'SELECT, INSERT, UPDATE, DELETE';
  return `
    REVOKE ALL ON SCHEMA ${quote(schema)} FROM PUBLIC;
    GRANT USAGE ON SCHEMA ${quote(schema)} TO ${quote(role)};
    GRANT ${rights} ON ALL TABLES IN SCHEMA ${quote(schema)} TO ${quote(role)};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${quote(schema)} TO ${quote(role)};
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${quote(schema)} TO ${quote(role)};
    ALTER DEFAULT PRIVILEGES IN SCHEMA ${quote(schema)} GRANT ${rights} ON TABLES TO ${quote(role)};
    ALTER DEFAULT PRIVILEGES IN SCHEMA ${quote(schema)} GRANT USAGE ON SEQUENCES TO ${quote(role)};`;
}

/** What a service may not do to its own tables: a key is written with its effect, and then only read and swept. */
function withheldRights(): string {
  const ofKeys: Service[] = ['products', 'orders'];
  return ofKeys
    .map((service) => `REVOKE UPDATE ON ${service}.idempotency_keys FROM ${quote(serviceRole(service))}`)
    .join('; ');
}

function queueGrants(role: string): string {
  const tables = Object.entries(QUEUE_RIGHTS).map(
    ([table, rights]) => `GRANT ${rights} ON ${QUEUE_SCHEMA}.${quote(table)} TO ${quote(role)};`,
  );
  return `GRANT USAGE ON SCHEMA ${QUEUE_SCHEMA} TO ${quote(role)}; ${tables.join(' ')}`;
}

/** graphile-worker turns row level security on without a policy, which leaves its tables to their owner. */
async function letThroughRowSecurity(client: pg.ClientBase, roles: string[]): Promise<void> {
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
