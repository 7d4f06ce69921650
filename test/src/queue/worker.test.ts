// The queue as the services use it: jobs of a worker that was killed are run again, also after PostgreSQL's clock has stepped back,
// and a job that meets a lock gives way to other jobs.

import { connect, createServer } from 'node:net';
import { findFreePort } from '@holdfast/local/processes/ports';
import { createLogger } from '@holdfast/platform/observability/log';
import { registry } from '@holdfast/platform/observability/metrics';
import { payloadOf, QUEUE_REVISION, startWorker, type Worker } from '@holdfast/platform/queue/queue';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { z } from 'zod';
import { createTestDatabase, type TestDatabase } from '../setup/database.ts';
import { eventually } from '../support/client.ts';

let database: TestDatabase;
let admin: pg.Client;
let workers: Worker[] = [];

/** A database for the tests of a describe; each begins without jobs. */
function useDatabase(): void {
  beforeAll(async () => {
    database = await createTestDatabase();
    admin = new pg.Client({ connectionString: database.adminUrl });
    await admin.connect();
  });
  beforeEach(() => admin.query('DELETE FROM graphile_worker._private_jobs'));
  afterAll(async () => {
    await admin.end();
    await database.release();
  });
}
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  workers = [];
});

const addJob = (name: string, payload: object) =>
  admin.query('SELECT graphile_worker.add_job($1, $2::json)', [name, JSON.stringify(payload)]);

type WorkerOptions = Parameters<typeof startWorker>[0];
const LOG = createLogger('test', 'silent');

function startWith(
  settings: Partial<WorkerOptions['settings']>,
  handlers: WorkerOptions['handlers'],
  options: Partial<WorkerOptions> = {},
): void {
  const defaults = { DATABASE_URL: database.urls.products, QUEUE_CONCURRENCY: 2, QUEUE_LEASE_MS: 1_000 };
  workers.push(
    startWorker({
      settings: { ...defaults, ...settings },
      applicationName: 'test',
      handlers,
      log: LOG,
      ...options,
    }),
  );
}

const work = (handler: (payload: unknown) => Promise<void>, DATABASE_URL = database.urls.products): void =>
  startWith({ DATABASE_URL }, () => ({ 'do-it': handler }));

const jobsLeft = async (): Promise<number> =>
  (await admin.query<{ count: number }>('SELECT count(*)::int AS count FROM graphile_worker.jobs')).rows[0]
    ?.count ?? -1;

describe('a worker', () => {
  useDatabase();

  it('connects by DATABASE_DIRECT_URL when it is set, because LISTEN does not work through a pooler', async () => {
    const done: unknown[] = [];
    const settings = {
      DATABASE_URL: 'postgres://pooler@127.0.0.1:1/pooler',
      DATABASE_DIRECT_URL: database.urls.products,
    };
    startWith(settings, () => ({ 'do-it': async (payload) => void done.push(payload) }));
    await addJob('do-it', { of: 'a direct connection' });
    await eventually(jobsLeft, (count) => count === 0);
    expect(done).toEqual([{ of: 'a direct connection' }]);
  });

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

  it('runs a failed job again', async () => {
    let tries = 0;
    work(async () => {
      tries += 1;
      if (tries < 2) throw new Error('not this time');
    });
    await addJob('do-it', {});
    await eventually(jobsLeft, (count) => count === 0);
    expect(tries).toBe(2);
  });

  it('takes over a job whose worker was killed when the lease ends, and not before', async () => {
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

  it('does not count a killed worker as a failed attempt', async () => {
    await addJob('do-it', {});
    await admin.query(
      `UPDATE graphile_worker._private_jobs
          SET locked_by = 'the last of many workers that were killed', locked_at = now() - interval '1 hour',
              attempts = max_attempts`,
    );
    const attempts: number[] = [];
    work(async () => void attempts.push(1));
    await eventually(jobsLeft, (count) => count === 0);
    expect(attempts).toEqual([1]);
  });

  it('runs a job that failed often again within 30 s, not after hours', async () => {
    await addJob('do-it', {});
    await admin.query(
      `UPDATE graphile_worker._private_jobs SET attempts = 12, last_error = 'x', run_at = now() + interval '6 hours'`,
    );
    work(async () => undefined);
    const pause = async (): Promise<number> => {
      const { rows } = await admin.query<{ s: number }>(
        'SELECT extract(epoch FROM run_at - now())::float8 AS s FROM graphile_worker.jobs',
      );
      return rows[0]?.s ?? 0;
    };
    await eventually(pause, (seconds) => seconds <= 30);
  });

  it('begins to work when the database starts after the worker', async () => {
    const port = await findFreePort();
    const url = new URL(database.urls.products);
    const target = Number(url.port);
    url.port = String(port);
    await addJob('do-it', {});
    let done = 0;
    const count = async (): Promise<void> => {
      done += 1;
    };
    work(count, url.href);
    await expect(workers[0]?.check()).rejects.toThrow();
    // Long enough for the first look-ups to have failed, which graphile-worker remembers for good.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const proxy = createServer((socket) => {
      const upstream = connect(target, '127.0.0.1');
      socket.on('error', () => upstream.destroy()).pipe(upstream);
      upstream.on('error', () => socket.destroy()).pipe(socket);
    }).listen(port, '127.0.0.1');
    try {
      await eventually(jobsLeft, (count) => count === 0, 25_000);
      expect(done).toBe(1);
      await workers[0]?.check();
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
      workers = [];
      proxy.close();
    }
  }, 60_000);

  it('survives repeated cuts of its connections while jobs are added', async () => {
    work(async () => new Promise((resolve) => setTimeout(resolve, 3)));
    for (let cuts = 0; cuts < 10; cuts += 1) {
      await admin.query(
        `SELECT graphile_worker.add_job('do-it', max_attempts => 1000) FROM generate_series(1, 10)`,
      );
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
      await admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test' AND datname = current_database()`,
      );
    }
    await eventually(jobsLeft, (count) => count === 0, 60_000);
    await workers[0]?.check();
  }, 120_000);

  it('parks a job whose payload is malformed, counts it as dead, and runs the other jobs', async () => {
    const order = z.object({ orderId: z.int() });
    const done: number[] = [];
    work(async (payload) => void done.push(payloadOf(order, payload).orderId));
    await addJob('do-it', { orderId: 'no number' });
    for (const orderId of [1, 2, 3]) await addJob('do-it', { orderId });
    const left = await eventually(
      async () =>
        (await admin.query('SELECT attempts, max_attempts, last_error FROM graphile_worker.jobs')).rows,
      (rows) => rows.length === 1 && rows[0].attempts === rows[0].max_attempts,
    );
    expect(left[0].last_error).toBe('cannot be done: its payload is malformed');
    expect(done).toEqual([1, 2, 3]);
    const metrics = await registry.metrics();
    expect(metrics).toContain('queue_dead_jobs{task="do-it"} 1');
  });

  it('runs jobs together that were added together', async () => {
    const sent: number[] = [];
    const { promise: all, resolve } = Promise.withResolvers<void>();
    await admin.query(`SELECT graphile_worker.add_job('do-it') FROM generate_series(1, 50)`);
    work(async () => {
      sent.push(1);
      if (sent.length === 50) resolve();
      // None ends before all have begun.
      await all;
    });
    await eventually(jobsLeft, (count) => count === 0);
    expect(sent).toHaveLength(50);
  });

  it('leaves jobs of another service to the workers of that service', async () => {
    work(async () => undefined, database.urls.orders);
    await addJob('something-else', {});
    await addJob('do-it', {});
    await eventually(jobsLeft, (count) => count === 1);
  });
});

describe('a worker of another graphile-worker', () => {
  useDatabase();

  it('is not ready on tables with a later breaking migration, nor on older ones', async () => {
    work(async () => undefined);
    const check = () => workers[0]?.check();
    const { rows } = await admin.query('SELECT max(id) AS revision FROM graphile_worker.migrations');
    // If not, check our statements on the private tables (platform/src/queue/sweep.ts, give-way.ts).
    expect(rows[0].revision).toBe(QUEUE_REVISION);
    await check();
    await admin.query('INSERT INTO graphile_worker.migrations (id, breaking) VALUES (1000, false)');
    await check();
    await admin.query('UPDATE graphile_worker.migrations SET breaking = true WHERE id = 1000');
    await expect(check()).rejects.toThrow('at migration 1000 (the last breaking one is 1000), expected 19');
    await admin.query(`DELETE FROM graphile_worker.migrations WHERE id >= ${QUEUE_REVISION}`);
    await expect(check()).rejects.toThrow('expected 19');
  });
});

describe('when the clock of PostgreSQL has stepped back by two minutes', () => {
  useDatabase();

  const PROMPTLY_MS = 60_000;
  /** Every `now()` in a statement in this database is of this clock, which can be stepped. */
  const CLOCK = `
    CREATE SCHEMA clock;
    CREATE TABLE clock.ahead AS SELECT interval '2 minutes' AS by;
    CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS
      'SELECT pg_catalog.now() + by FROM clock.ahead';
    GRANT USAGE ON SCHEMA clock TO PUBLIC;
    GRANT SELECT ON clock.ahead TO PUBLIC;
    DO $$ BEGIN
      EXECUTE format('ALTER DATABASE %I SET search_path = clock, pg_catalog, public', current_database());
    END $$`;

  let finishSlowJobs: () => void;
  let begun: string[];
  let done: string[];

  beforeAll(async () => {
    await admin.query(CLOCK);
    await admin.query('SET search_path = clock, pg_catalog, public');
  });
  beforeEach(async () => {
    await admin.query(`UPDATE clock.ahead SET by = interval '2 minutes'`);
    [begun, done] = [[], []];
    const { promise: gate, resolve } = Promise.withResolvers<void>();
    finishSlowJobs = resolve;
    const handle = async (payload: unknown): Promise<void> => {
      const name = JSON.stringify(payload);
      begun.push(name);
      if (name.includes('slow')) await gate;
      done.push(name);
    };
    startWith({}, () => ({ 'do-it': handle }), { jobsAtOnce: 2 });
    // The slow jobs keep both places of the worker busy until the clock has stepped.
    await Promise.all([addJob('do-it', { name: 'slow 1' }), addJob('do-it', { name: 'slow 2' })]);
    await eventually(
      async () => begun.length,
      (count) => count === 2,
    );
  });
  afterEach(() => finishSlowJobs());

  async function stepBackAndFinish(): Promise<void> {
    await admin.query(`UPDATE clock.ahead SET by = interval '0'`);
    finishSlowJobs();
    // Without the correction the jobs would wait for two minutes.
    await eventually(jobsLeft, (count) => count === 0, PROMPTLY_MS);
  }

  it('jobs that were added before are run promptly', async () => {
    for (const name of ['a', 'b', 'c']) await addJob('do-it', { name });
    await stepBackAndFinish();
    expect(new Set(done).size).toBe(5);
  }, 120_000);

  it('a job whose worker was killed before is run again after its lease', async () => {
    await addJob('do-it', { name: 'orphan' });
    await admin.query(
      `UPDATE graphile_worker._private_jobs SET locked_by = 'a worker that was killed', locked_at = now(), attempts = 1
        WHERE payload->>'name' = 'orphan'`,
    );
    await stepBackAndFinish();
    expect(done).toContain('{"name":"orphan"}');
  }, 120_000);
});

describe('a job that meets a lock', () => {
  useDatabase();

  let holder: pg.Client;

  beforeEach(async () => {
    holder = new pg.Client({ connectionString: database.adminUrl });
    await holder.connect();
    await admin.query('TRUNCATE products.products CASCADE');
    await admin.query(
      `INSERT INTO products.products (name, price, stock) VALUES ('locked', 1, 1), ('free', 1, 1)`,
    );
    await holder.query('BEGIN');
    await holder.query(`SELECT FROM products.products WHERE name = 'locked' FOR NO KEY UPDATE`);
    await addJob('count', { name: 'locked' });
  });
  afterEach(() => holder.end());

  /** Starts a worker that increments the stock of a product for each job, one job at a time. */
  const countUp = (): void =>
    startWith({ QUEUE_CONCURRENCY: 1, QUEUE_LEASE_MS: 15_000 }, (db) => ({
      count: async (payload) => {
        const increment = `UPDATE products.products SET stock = stock + 1 WHERE name = $1::json->>'name'`;
        await db.query(increment, [payload]);
      },
    }));

  const stockOf = async (name: string): Promise<number> =>
    (await admin.query('SELECT stock FROM products.products WHERE name = $1', [name])).rows[0].stock;
  const readJobs = async () =>
    (
      await admin.query(
        `SELECT payload->>'name' AS name, attempts, last_error, locked_at IS NULL AS waits FROM graphile_worker._private_jobs`,
      )
    ).rows;

  it('gives way to other jobs, without a counted attempt, and is done when the lock is released', async () => {
    for (let count = 0; count < 3; count += 1) await addJob('count', { name: 'free' });
    countUp();
    await eventually(
      () => stockOf('free'),
      (stock) => stock === 4,
    );
    const last_error = 'canceling statement due to lock timeout';
    const left = await eventually(
      readJobs,
      ([job, ...others]) => others.length === 0 && job?.last_error === last_error && job.waits,
    );
    expect(left).toMatchObject([{ name: 'locked', attempts: 0, last_error }]);
    await holder.query('ROLLBACK');
    await eventually(jobsLeft, (count) => count === 0);
    expect(await stockOf('locked')).toBe(2);
  });

  it('is never given up for that reason', async () => {
    await admin.query('UPDATE graphile_worker._private_jobs SET max_attempts = 1');
    countUp();
    await eventually(readJobs, ([job]) => job?.last_error != null && job.waits);
    await holder.query('ROLLBACK');
    await eventually(jobsLeft, (count) => count === 0);
    expect(await stockOf('locked')).toBe(2);
  });
});
