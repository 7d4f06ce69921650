// Connection pools of PostgreSQL, by purpose: reads and writes of requests, background work, scrapes, standby reads.
import { isNativeError } from 'node:util/types';
import pg from 'pg';
import { z } from 'zod';
import type { Logger } from '../observability/log.ts';
import { sqlStatements } from '../observability/metrics.ts';
import { traceCall } from '../observability/tracing.ts';
import { type Connected, MeasuredPool } from './measured-pool.ts';
import { PatientClient } from './patient-client.ts';
import { RequestPool } from './request-pool.ts';
import { createInquiry, Unanswered } from './unanswered.ts';

export interface PoolOptions {
  readonly url: string;
  readonly max: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly log: Logger;
}

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;
/** The attributes of the span of a statement. */
export const SQL = { 'db.system.name': 'postgresql' };
const HASTY_TIMEOUT_MS = 1_000;

/** Counts the statements, so that tests and dashboards see how many a request sends. */
class CountingClient extends PatientClient {
  protected override sending(): void {
    sqlStatements.inc();
    super.sending();
  }
}

/** Traces the statements of Prisma, which have no name. sql.ts traces ours. */
class TracedPool extends RequestPool {
  override query = ((...args: Parameters<pg.Pool['query']>) => {
    const [config] = args as readonly unknown[];
    const isPrismas = typeof config === 'object' && config !== null && !('name' in config);
    const send = (): unknown => super.query(...args);
    return isPrismas ? traceCall('sql prisma', SQL, async () => send()) : send();
  }) as pg.Pool['query'];
}

const REQUESTS = { statement_timeout: STATEMENT_TIMEOUT_MS, Client: CountingClient };

/**
 * A pool for requests that write. The waits for a connection and for a statement have time limits. After its deadline
 * (deadline.ts), a request gets no connection but SERVICE_UNAVAILABLE.
 */
export function createPool(options: PoolOptions): pg.Pool {
  return keepUnanswered(openPool(options, REQUESTS, TracedPool), options);
}

/** The connections of a service for requests. */
export interface RequestPools {
  readonly reads: pg.Pool;
  readonly writes: pg.Pool;
  end(): Promise<void>;
}

/** Half of `max` is for writes, at least one each: when commits hang and hold all connections for writes, reads go on. */
export function createRequestPools(options: PoolOptions): RequestPools {
  const most = Math.max(1, Math.floor(options.max / 2));
  const reads = openPool({ ...options, max: Math.max(1, options.max - most) }, REQUESTS, TracedPool);
  const writes = createPool({
    ...options,
    max: most,
    applicationName: `${options.applicationName}-writes`,
  });
  return {
    reads,
    writes,
    end: async () => {
      await Promise.all([reads.end(), writes.end()]);
    },
  };
}

/** Rejects when the database does not answer. */
export const checkDatabase = (pool: pg.Pool): Promise<unknown> => pool.query('SELECT 1');

/** graphile-worker releases a broken connection twice, for which pg-pool throws an exception that no code catches. */
class WorkerPgPool extends MeasuredPool {
  override connect(): Promise<pg.PoolClient>;
  override connect(connected: Connected): void;
  override connect(connected?: Connected): Promise<pg.PoolClient> | undefined {
    if (!connected) return super.connect();
    super.connect((error, client, release) => {
      let released = false;
      connected(error, client, (broken) => {
        if (released) return;
        released = true;
        release?.(broken);
      });
    });
    return undefined;
  }
}

export interface WorkerPoolOptions extends PoolOptions {
  /** How long a statement waits for a lock. Without it, the statement timeout applies. PgBouncer refuses connections with this setting. */
  readonly lockTimeoutMs?: number;
}

/** A pool for background work. Its statements are not counted as those of requests. */
export function createWorkerPool({ lockTimeoutMs, ...options }: WorkerPoolOptions): pg.Pool {
  const work = {
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: lockTimeoutMs,
    Client: PatientClient,
  };
  return keepUnanswered(openPool(options, work, WorkerPgPool), options);
}

/** A statement that writes may hang in its commit, for which PostgreSQL has no time limit. */
function keepUnanswered(pool: MeasuredPool, { url, applicationName, log }: PoolOptions): pg.Pool {
  const inquiry = createInquiry({ connectionString: url, application_name: `${applicationName}-inquiry` });
  pool.keepBy(new Unanswered(pool, inquiry, log));
  return pool;
}

const HASTY: pg.PoolConfig = {
  connectionTimeoutMillis: HASTY_TIMEOUT_MS,
  statement_timeout: HASTY_TIMEOUT_MS,
  query_timeout: HASTY_TIMEOUT_MS,
};

/** One connection for the gauges of a scrape, with timeouts as short as a scrape needs. */
export const createScrapePool = (options: Omit<PoolOptions, 'max'>): pg.Pool =>
  openPool({ ...options, max: 1 }, HASTY, pg.Pool);

/**
 * A pool for reads from a standby, in place of which the primary can answer. A connection without an answer for a second is closed.
 * Its statements are not counted.
 */
export const createStandbyPool = (options: PoolOptions): pg.Pool => openPool(options, HASTY, MeasuredPool);

function openPool<Pool extends pg.Pool>(
  options: PoolOptions,
  extra: pg.PoolConfig,
  Pool: new (config: pg.PoolConfig) => Pool,
): Pool {
  const pool = new Pool({
    connectionString: options.url,
    max: options.max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    // For a server that is gone without a message: a lost node, a firewall that dropped the connection.
    query_timeout: STATEMENT_TIMEOUT_MS + 2_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: options.applicationName,
    ...extra,
  });
  // The pool replaces an idle connection that breaks. Without this listener the error would end the process.
  pool.on('error', (error) => options.log.warn({ err: error }, 'a database connection was lost'));
  // A connection in use may report its end twice (the server's message, then the socket's). Its user gets the error from the
  // query that fails.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Runs a query: a pool, or a client inside a transaction. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>>;
}

/**
 * Codes that mean "the database cannot serve this right now": SQLSTATE classes and codes (PostgreSQL's appendix A), socket
 * errors, Prisma's own codes. A statement with one of these errors was undone, or its outcome is unknown.
 */
const UNAVAILABLE = new RegExp(
  `^(${[
    // Prisma keeps only this code of the error by which RequestPool refuses a connection.
    'SERVICE_UNAVAILABLE',
    // Connection exceptions; too many connections, a full disk, too little memory.
    '08...|53...',
    // The server shuts down, crashed, recovers, or is a standby since a failover.
    '57P0[1-3]|25006',
    // A time limit was exceeded: of a statement, a lock, a transaction, a session.
    '57014|55P03|25P0[34]|57P05',
    // PostgreSQL rolled the transaction back because of another one: serialization failure, deadlock.
    '40001|40P01',
    // The disk or the file system fails.
    '58000|58030',
    'ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN|ENOTFOUND|EAI_AGAIN',
    'P1001|P1002|P1008|P1017|P2024|P2034|P2037',
  ].join('|')})$`,
);
/** Messages of the errors of pg and pg-pool that have no code. */
const UNAVAILABLE_MESSAGES =
  /Connection terminated|Query read timeout|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Can't reach database server|Server has closed the connection|Cannot use a pool after|Unable to start a transaction in the given time/;

/** Whether an error of pg or Prisma says that the database cannot serve right now, so that trying again later makes sense. */
export function isDatabaseUnavailable(error: unknown, depth = 0): boolean {
  if (!isNativeError(error) || depth > 4) return false;
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && UNAVAILABLE.test(code)) return true;
  if (UNAVAILABLE_MESSAGES.test(error.message)) return true;
  if (
    error instanceof AggregateError &&
    error.errors.some((inner) => isDatabaseUnavailable(inner, depth + 1))
  )
    return true;
  return isDatabaseUnavailable(error.cause, depth + 1) || UNAVAILABLE.test(adapterCode(error) ?? '');
}

/** The SQLSTATE of an error of adapter-pg to which Prisma gives its own code. */
const adapterError = z.object({
  meta: z.object({ driverAdapterError: z.object({ cause: z.object({ originalCode: z.string() }) }) }),
});
const adapterCode = (error: unknown): string | undefined =>
  adapterError.safeParse(error).data?.meta.driverAdapterError.cause.originalCode;

/** The form in which Prisma and adapter-pg report SQLSTATE 23505. */
const prismaUniqueViolation = z.object({
  code: z.literal('P2002'),
  meta: z.object({
    driverAdapterError: z.object({ cause: z.object({ constraint: z.object({ index: z.string() }) }) }),
  }),
});

/** The name of the unique constraint that an error of pg or Prisma reports as broken; undefined for other errors. */
export function brokenUniqueConstraint(error: unknown): string | undefined {
  if (error instanceof pg.DatabaseError) return error.code === '23505' ? error.constraint : undefined;
  return prismaUniqueViolation.safeParse(error).data?.meta.driverAdapterError.cause.constraint.index;
}
