// Connections on which no answer arrives any more, because a node was lost or a firewall dropped them. Each keeps its place in the pool
// until PostgreSQL says over a new connection that it no longer runs the statement.
import { createLogger } from '@holdfast/platform/observability/log';
import { createPool } from '@holdfast/platform/postgres/database';
import { answerTo, isUndone } from '@holdfast/platform/postgres/unanswered';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { createTestDatabase } from '../setup/database.ts';
import { eventually } from '../support/client.ts';
import { type StallingProxy, startStallingProxy } from '../support/stalling-proxy.ts';
import { whileTestsRun } from '../support/use-system.ts';

const MAX = 2;
const NO_ANSWER = 'Query read timeout';

/** A statement that waits less long for its answer than the others of the pool. */
const HASTY = { text: 'SELECT 1', query_timeout: 100 };

const database = whileTestsRun(
  () => createTestDatabase(),
  (created) => created.release(),
);
let proxy: StallingProxy;
let pool: pg.Pool;

beforeEach(async () => {
  proxy = await startStallingProxy(database.urls.products);
  const log = createLogger('test', 'silent');
  pool = createPool({ url: proxy.url, max: MAX, applicationName: 'test', log });
});
afterEach(async () => {
  await pool.end();
  await proxy.close();
});

const catchError = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a pool whose connections were lost', () => {
  it('gets its places back once PostgreSQL says that it runs none of their statements', async () => {
    await Promise.all(Array.from({ length: MAX }, () => pool.query('SELECT 1')));
    proxy.stall(false);
    const lost = await Promise.all(Array.from({ length: MAX }, () => catchError(pool.query('SELECT 1'))));
    expect(lost).toMatchObject(lost.map(() => ({ message: NO_ANSWER })));
    expect(pool.options.max).toBe(0);
    // New connections work, but no place is free, because the lost statements may still run.
    await Promise.all(lost.map((error) => answerTo(error)));
    expect(pool.options.max).toBe(MAX);
    expect((await pool.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
  });

  it('gets them back when the answers arrive late', async () => {
    await pool.query('SELECT 1');
    proxy.stall(true);
    const error = await catchError(pool.query(HASTY));
    expect(error).toMatchObject({ message: NO_ANSWER });
    expect(pool.options.max).toBe(MAX - 1);
    proxy.resume();
    await answerTo(error);
    await eventually(
      async () => pool.options.max,
      (max) => max === MAX,
    );
  });

  it('gives a connection that was released without an answer to no other caller', async () => {
    const client = await pool.connect();
    proxy.stall(true);
    const error = await catchError(client.query(HASTY));
    expect(error).toMatchObject({ message: NO_ANSWER });
    client.release();
    expect([pool.totalCount, pool.idleCount, pool.options.max]).toEqual([0, 0, MAX - 1]);
  });
});

describe('the outcome of a statement that failed', () => {
  it('is that it was undone, when PostgreSQL reports that', async () => {
    const error = await catchError(
      pool.query('INSERT INTO products.products (name, price, stock) VALUES ($1, 1, 1)', ['']),
    );
    expect(isUndone(error)).toBe(true);
    expect(answerTo(error)).toBeUndefined();
    expect(pool.options.max).toBe(MAX);
  });

  it('is unknown when the connection was lost or closed by the server', async () => {
    const failing = catchError(pool.query('SELECT pg_terminate_backend(pg_backend_pid())'));
    const error = await failing;
    expect(error).toMatchObject({ code: '57P01' });
    expect(isUndone(error)).toBe(false);
    expect(answerTo(error)).toBeUndefined();
  });
});
