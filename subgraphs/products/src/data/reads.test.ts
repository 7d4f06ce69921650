// Reads end when their time is up and when their caller is gone. PostgreSQL ends their statements, waiting ones too.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { CallerGone, isAbandoned } from '@holdfast/platform/errors';
import { createLogger } from '@holdfast/platform/observability/log';
import { createPool } from '@holdfast/platform/postgres/database';
import { createReads } from '@holdfast/platform/postgres/reads';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';

const APPLICATION = 'reads';
const LONG_MS = 9_000;

let database: TestDatabase;
let admin: pg.Client;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
});
beforeEach(() => {
  const log = createLogger('test', 'silent');
  pool = createPool({ url: database.urls.products, max: 2, applicationName: APPLICATION, log });
});
afterEach(() => pool.end());
afterAll(async () => {
  await admin.end();
  await database.release();
});

/** Statements of the pool that PostgreSQL is working on. */
const active = async (): Promise<number> => {
  const { rowCount } = await admin.query(
    `SELECT FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'`,
    [APPLICATION],
  );
  return rowCount ?? 0;
};

async function until(holds: () => Promise<boolean>, withinMs = 5_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not so within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const SLOW = { name: 'slow', text: `SELECT pg_sleep(${LONG_MS / 1_000})` };
const LOCKED = { name: 'locked', text: 'SELECT count(*) FROM products.products' };
const QUICK = { name: 'quick', text: 'SELECT 1 AS one' };
const stays = () => new AbortController().signal;

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('a read', () => {
  it('gives its rows', async () => {
    expect((await createReads(pool, LONG_MS)(stays()).query(QUICK)).rows).toEqual([{ one: 1 }]);
  });

  it('is SERVICE_UNAVAILABLE when its time is up, and cancelled', async () => {
    const error = await errorOf(createReads(pool, 200)(stays()).query(SLOW));
    expect(error).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      cause: { message: 'slow was cancelled after 200 ms' },
    });
    expect(isAbandoned(error)).toBe(false);
    await until(async () => (await active()) === 0);
  });

  it('is cancelled when its caller leaves, while it works and while it waits for a lock', async () => {
    // A transaction sees one state of pg_stat_activity, so another session asks for it.
    const locker = new pg.Client({ connectionString: database.adminUrl });
    await locker.connect();
    await locker.query('BEGIN');
    await locker.query('LOCK TABLE products.products IN ACCESS EXCLUSIVE MODE');
    for (const statement of [SLOW, LOCKED]) {
      const caller = new AbortController();
      const error = errorOf(createReads(pool, LONG_MS)(caller.signal).query(statement));
      await until(async () => (await active()) === 1);
      caller.abort(new CallerGone('test'));
      expect(isAbandoned(await error)).toBe(true);
      await until(async () => (await active()) === 0);
    }
    await locker.end();
    expect((await createReads(pool, LONG_MS)(stays()).query(LOCKED)).rows).toEqual([{ count: '0' }]);
  });

  it('leaves its connection to the next one, which is never cancelled in its place', async () => {
    const pids = new Set<number>();
    for (let round = 0; round < 30; round += 1) {
      const caller = new AbortController();
      const error = errorOf(createReads(pool, LONG_MS)(caller.signal).query(round % 2 ? SLOW : QUICK));
      // Sometimes before the statement has begun, sometimes when it is over.
      await new Promise((resolve) => setTimeout(resolve, round % 5));
      caller.abort(new CallerGone('test'));
      await error;
      const { rows } = await createReads(
        pool,
        LONG_MS,
      )(stays()).query<{ pid: number }>({
        name: 'pid',
        text: 'SELECT pg_backend_pid() AS pid, pg_sleep(0.005)',
      });
      for (const { pid } of rows) pids.add(pid);
    }
    // Two, but for a server so busy that a cancellation may still be on its way: then its connection is not used again.
    expect(pids.size).toBeLessThan(10);
    expect(pool.totalCount).toBeLessThanOrEqual(2);
  });

  it('of a caller who left while it waited for a connection is not begun', async () => {
    const held = await Promise.all([pool.connect(), pool.connect()]);
    const callers = Array.from({ length: 20 }, () => new AbortController());
    const errors = callers.map(({ signal }) => errorOf(createReads(pool, LONG_MS)(signal).query(SLOW)));
    for (const caller of callers) caller.abort(new CallerGone('test'));
    for (const error of errors) expect(isAbandoned(await error)).toBe(true);
    for (const client of held) client.release();
    expect((await createReads(pool, LONG_MS)(stays()).query(QUICK)).rows).toEqual([{ one: 1 }]);
    expect(await active()).toBe(0);
  });

  it('counts the time that it waited for a connection', async () => {
    const held = await Promise.all([pool.connect(), pool.connect()]);
    expect(await errorOf(createReads(pool, 100)(stays()).query(QUICK))).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
    });
    for (const client of held) client.release();
  });

  it('whose statement is wrong says so', async () => {
    const wrong = { name: 'wrong', text: 'SELECT 1 / 0' };
    expect(await errorOf(createReads(pool, LONG_MS)(stays()).query(wrong))).toMatchObject({ code: '22012' });
    expect((await createReads(pool, LONG_MS)(stays()).query(QUICK)).rows).toEqual([{ one: 1 }]);
  });
});
