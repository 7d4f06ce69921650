// The queue as the services use it: jobs of a worker that was killed come back, and every handler may run again.

import { connect, createServer } from 'node:net';
import { freePort } from '@holdfast/local/processes/ports';
import { createLogger } from '@holdfast/platform/observability/log';
import { registry } from '@holdfast/platform/observability/metrics';
import { payloadOf, QUEUE_REVISION, startWorker, type Worker } from '@holdfast/platform/queue/queue';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { z } from 'zod';
import { createTestDatabase, type TestDatabase } from '../setup/database.ts';
import { eventually } from '../support/client.ts';

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
  url = database.urls[service],
): void {
  const settings = { DATABASE_URL: url, QUEUE_CONCURRENCY: 2, QUEUE_LEASE_MS: 1_000 };
  const log = createLogger('test', 'silent');
  workers.push(
    startWorker({ settings, applicationName: 'test', handlers: () => ({ 'do-it': handler }), log }),
  );
}

const jobsLeft = async (): Promise<number> =>
  (await admin.query<{ count: number }>('SELECT count(*)::int AS count FROM graphile_worker.jobs')).rows[0]
    ?.count ?? -1;

describe('a worker', () => {
  it('works over DATABASE_DIRECT_URL when there is one, since a pooler between loses LISTEN', async () => {
    const done: unknown[] = [];
    const settings = {
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/pooler',
      DATABASE_DIRECT_URL: database.urls.products,
      QUEUE_CONCURRENCY: 1,
      QUEUE_LEASE_MS: 1_000,
    };
    const handlers = () => ({ 'do-it': async (payload: unknown) => void done.push(payload) });
    workers.push(
      startWorker({ settings, applicationName: 'test', handlers, log: createLogger('test', 'silent') }),
    );
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

  it('does not put a job that failed often off for hours', async () => {
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

  it('begins to work when the database comes up only after it', async () => {
    const port = await freePort();
    const url = new URL(database.urls.products);
    const target = Number(url.port);
    url.port = String(port);
    await addJob('do-it', {});
    let done = 0;
    const count = async (): Promise<void> => {
      done += 1;
    };
    work(count, 'products', url.href);
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

  it('survives having its connections cut, over and over, while jobs flow', async () => {
    work(async () => new Promise((resolve) => setTimeout(resolve, 3)));
    for (let cuts = 0; cuts < 60; cuts += 1) {
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

  it('parks a job that can never be done, tells of it as dead, and does the others meanwhile', async () => {
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

  it('is not ready on tables of a graphile-worker that breaks with the one that is known, nor of an older one', async () => {
    work(async () => undefined);
    const check = () => workers[0]?.check();
    const { rows } = await admin.query('SELECT max(id) AS revision FROM graphile_worker.migrations');
    // Else look at the statements of ours on the private tables (platform/src/queue/sweep.ts, give-way.ts).
    expect(rows[0].revision).toBe(QUEUE_REVISION);
    await check();
    await admin.query('INSERT INTO graphile_worker.migrations (id, breaking) VALUES (1000, false)');
    await check();
    await admin.query('UPDATE graphile_worker.migrations SET breaking = true WHERE id = 1000');
    await expect(check()).rejects.toThrow('at migration 1000 (the last breaking one is 1000), expected 19');
    await admin.query(`DELETE FROM graphile_worker.migrations WHERE id >= ${QUEUE_REVISION}`);
    await expect(check()).rejects.toThrow('expected 19');
  });

  it('has jobs that were added together under way together', async () => {
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

  it('leaves the jobs of others to those who know them', async () => {
    work(async () => undefined, 'orders');
    await addJob('something-else', {});
    await addJob('do-it', {});
    await eventually(jobsLeft, (count) => count === 1);
  });
});
