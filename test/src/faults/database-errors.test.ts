// Every error of PostgreSQL and its clients that means "the database cannot serve right now" becomes 503 and not 500, for each way
// to send a statement.
import { createPrismaClient, type PrismaClient } from '@holdfast/database';
import { isDatabaseUnavailable } from '@holdfast/platform/postgres/database';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../setup/database.ts';

const QUERY_TIMEOUT_MS = 200;

type Connections = { pool: pg.Pool; prisma: PrismaClient };

let database: TestDatabase;
let patient: Connections;
let impatient: Connections;

beforeAll(async () => {
  database = await createTestDatabase({ empty: true });
  patient = connect({});
  impatient = connect({ query_timeout: QUERY_TIMEOUT_MS });
});
afterAll(async () => {
  for (const { pool } of [patient, impatient]) await pool.end();
  await database.release();
});

function connect(config: pg.PoolConfig): Connections {
  const pool = new pg.Pool({ connectionString: database.adminUrl, ...config });
  return { pool, prisma: createPrismaClient(pool) };
}

const WAYS: readonly [string, (through: Connections, sql: string) => Promise<unknown>][] = [
  ['pg', ({ pool }, sql) => pool.query(sql)],
  ['Prisma', ({ prisma }, sql) => prisma.$executeRawUnsafe(sql)],
  ["a transaction of Prisma's", ({ prisma }, sql) => prisma.$transaction((tx) => tx.$executeRawUnsafe(sql))],
];

/** Resolves with the error of a statement. */
const catchError = (sent: Promise<unknown>): Promise<unknown> =>
  sent.then(
    () => undefined,
    (error: unknown) => error,
  );
const raise = (code: string) => `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}'; END $$`;

describe.each(WAYS)('through %s', (_, send) => {
  it.each([
    ['a full disk', '53100'],
    ['too little memory', '53200'],
    ['too many connections', '53300'],
    ['a limit of the server', '53400'],
    ['a disk that fails', '58030'],
    ['a session that idled too long', '57P05'],
    ['a transaction that idled too long', '25P03'],
    ['a transaction that took too long', '25P04'],
    ['a server that is a standby since a failover', '25006'],
    ['a lock that was not available in time', '55P03'],
    ['a deadlock', '40P01'],
    ['a serialization failure', '40001'],
  ])('%s (%s) is the database not being available', async (_what, code) => {
    expect(isDatabaseUnavailable(await catchError(send(patient, raise(code))))).toBe(true);
  });

  it('so is a server that does not answer in time', async () => {
    const error = await catchError(send(impatient, 'SELECT pg_sleep(1)'));
    expect(String(error)).toMatch('Query read timeout');
    expect(isDatabaseUnavailable(error)).toBe(true);
  });

  it.each(['22012', '23514', '42501', 'P0001', 'XX000'])('%s is an error of ours', async (code) => {
    const error = await catchError(send(patient, raise(code)));
    expect(error).toBeDefined();
    expect(isDatabaseUnavailable(error)).toBe(false);
  });
});
