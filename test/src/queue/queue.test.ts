// The queue as the services use it: jobs of a worker that was killed come back, and every handler may run again.

import { createLogger } from '@holdfast/platform/log';
import { startWorker, type Worker } from '@holdfast/platform/queue';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { eventually } from '../support/client.js';

let database: TestDatabase;
let admin: pg.Client;
let workers: Worker[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  workers = [];
  await admin.end();
  await database.drop();
});

const addJob = (name: string, payload: object) =>
  admin.query('SELECT graphile_worker.add_job($1, $2::json)', [name, JSON.stringify(payload)]);

function work(
  handler: (payload: unknown) => Promise<void>,
  service: 'products' | 'orders' = 'products',
): void {
  const settings = { DATABASE_URL: database.urls[service], QUEUE_CONCURRENCY: 2, QUEUE_LEASE_MS: 1_000 };
  const log = createLogger('test', 'silent');
  workers.push(
    startWorker({ settings, applicationName: 'test', handlers: () => ({ 'do-it': handler }), log }),
  );
}

const jobsLeft = async (): Promise<number> =>
  (await admin.query<{ count: number }>('SELECT count(*)::int AS count FROM graphile_worker.jobs')).rows[0]
    ?.count ?? -1;

describe('a worker', () => {
  it('gets a job that is added in a transaction once that is committed, and not when it is rolled back', async () => {
    const done: unknown[] = [];
    work(async (payload) => void done.push(payload));
    await admin.query('BEGIN');
    await addJob('do-it', { of: 'a transaction that is rolled back' });
    await admin.query('ROLLBACK');
    await admin.query('BEGIN');
    await addJob('do-it', { of: 'a transaction that is committed' });
    await admin.query('COMMIT');
    await eventually(jobsLeft, (count) => count === 0);
    expect(done).toEqual([{ of: 'a transaction that is committed' }]);
  });

  it('tries again what failed', async () => {
    let tries = 0;
    work(async () => {
      tries += 1;
      if (tries < 2) throw new Error('not this time');
    });
    await addJob('do-it', {});
    await eventually(jobsLeft, (count) => count === 0);
    expect(tries).toBe(2);
  });

  it('takes over, once the lease is over, a job whose worker was killed, and not before', async () => {
    await addJob('do-it', {});
    await admin.query(
      `UPDATE graphile_worker._private_jobs SET locked_by = 'a worker that was killed', locked_at = now(), attempts = 1`,
    );
    const lockedAt = Date.now();
    let takenAt: number | undefined;
    work(async () => {
      takenAt = Date.now();
    });
    await eventually(jobsLeft, (count) => count === 0);
    expect((takenAt ?? 0) - lockedAt).toBeGreaterThanOrEqual(990);
  });

  it('leaves the jobs of others to those who know them', async () => {
    work(async () => undefined, 'orders');
    await addJob('something-else', {});
    await addJob('do-it', {});
    await eventually(jobsLeft, (count) => count === 1);
  });
});
