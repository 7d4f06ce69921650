// A job that meets a lock: it goes back into the queue for a moment, others are done, and nothing is held against it.
import { createLogger } from '@holdfast/platform/observability/log';
import { startWorker, type Worker } from '@holdfast/platform/queue/queue';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../setup/database.ts';
import { eventually } from '../support/client.ts';

let database: TestDatabase;
let admin: pg.Client;
let holder: pg.Client;
let worker: Worker | undefined;

beforeEach(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  holder = new pg.Client({ connectionString: database.adminUrl });
  await Promise.all([admin.connect(), holder.connect()]);
  await admin.query(
    `INSERT INTO products.products (name, price, stock) VALUES ('locked', 1, 1), ('free', 1, 1)`,
  );
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
  await Promise.all([admin.end(), holder.end()]);
  await database.drop();
});

/** Works on jobs that count a product's stock up, one at a time. */
function work(): void {
  worker = startWorker({
    settings: { DATABASE_URL: database.urls.products, QUEUE_CONCURRENCY: 1, QUEUE_LEASE_MS: 15_000 },
    applicationName: 'test',
    handlers: (db) => ({
      count: async (payload) => {
        await db.query(`UPDATE products.products SET stock = stock + 1 WHERE name = $1::json->>'name'`, [
          payload,
        ]);
      },
    }),
    log: createLogger('test', 'silent'),
  });
}

const addJob = (name: string) =>
  admin.query(`SELECT graphile_worker.add_job('count', json_build_object('name', $1::text))`, [name]);
const stockOf = async (name: string): Promise<number> =>
  (await admin.query('SELECT stock FROM products.products WHERE name = $1', [name])).rows[0].stock;
const jobs = async () =>
  (
    await admin.query(
      `SELECT payload->>'name' AS name, attempts, last_error, locked_at IS NULL AS waits FROM graphile_worker._private_jobs`,
    )
  ).rows;

describe('a job that meets a lock', () => {
  it('gives way to others, is not counted as tried, and is done when the lock is gone', async () => {
    await holder.query('BEGIN');
    await holder.query(`SELECT FROM products.products WHERE name = 'locked' FOR NO KEY UPDATE`);
    await addJob('locked');
    for (let count = 0; count < 3; count += 1) await addJob('free');
    work();
    await eventually(
      () => stockOf('free'),
      (stock) => stock === 4,
    );
    const last_error = 'canceling statement due to lock timeout';
    const left = await eventually(
      jobs,
      ([job, ...others]) => others.length === 0 && job?.last_error === last_error && job.waits,
    );
    expect(left).toMatchObject([{ name: 'locked', attempts: 0, last_error }]);
    await holder.query('ROLLBACK');
    await eventually(jobs, ({ length }) => length === 0);
    expect(await stockOf('locked')).toBe(2);
  });

  it('is not given up, however often that happens', async () => {
    await holder.query('BEGIN');
    await holder.query(`SELECT FROM products.products WHERE name = 'locked' FOR NO KEY UPDATE`);
    await addJob('locked');
    await admin.query('UPDATE graphile_worker._private_jobs SET max_attempts = 1');
    work();
    await eventually(jobs, ([job]) => job?.last_error != null && job.waits);
    await holder.query('ROLLBACK');
    await eventually(jobs, ({ length }) => length === 0);
    expect(await stockOf('locked')).toBe(2);
  });
});
