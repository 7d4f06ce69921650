// The queue with the services' roles: jobs pass from orders to products with the granted rights only.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Job, Logger, type Runner, run, type TaskList } from 'graphile-worker';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from './testing.ts';

let database: TestDatabase;
let orders: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  orders = new pg.Pool({ connectionString: database.urls.orders });
});

afterAll(async () => {
  await orders.end();
  await database.release();
});

/** Runs a worker with the role of products while `use` runs. */
async function working(taskList: TaskList, use: (runner: Runner) => Promise<void>): Promise<void> {
  const runner = await run({
    connectionString: database.urls.products,
    taskList,
    concurrency: 4,
    noHandleSignals: true,
    crontab: '',
    logger: new Logger(() => () => undefined),
  });
  try {
    await use(runner);
  } finally {
    await runner.stop();
  }
}

/** Resolves to the job of the next `event`. */
function next(runner: Runner, event: 'job:success' | 'job:error' | 'job:failed'): Promise<Job> {
  return new Promise((resolve) => runner.events.once(event, ({ job }) => resolve(job)));
}

/** Resolves once the queue is empty, because a job is deleted only after its success was announced. */
async function emptied(): Promise<void> {
  const until = Date.now() + 10_000;
  for (;;) {
    const { rows } = await orders.query('SELECT count(*)::int AS jobs FROM graphile_worker.jobs');
    if (rows[0].jobs === 0) return;
    if (Date.now() > until) throw new Error(`${rows[0].jobs} jobs are left`);
  }
}

test('a worker as products starts and runs a job that orders adds in a transaction', async () => {
  const payloads: unknown[] = [];
  await working({ 'reserve-stock': async (payload) => void payloads.push(payload) }, async (runner) => {
    const done = next(runner, 'job:success');
    const client = await orders.connect();
    await client.query('BEGIN');
    await client.query(`SELECT graphile_worker.add_job('reserve-stock', json_build_object('order', 1))`);
    await client.query('COMMIT');
    client.release();
    await done;
  });
  expect(payloads).toEqual([{ order: 1 }]);
  await emptied();
});

test('a job of a transaction that is rolled back never runs', async () => {
  const ran: unknown[] = [];
  await working({ 'reserve-stock': async (payload) => void ran.push(payload) }, async (runner) => {
    const client = await orders.connect();
    await client.query('BEGIN');
    await client.query(`SELECT graphile_worker.add_job('reserve-stock', '"undone"')`);
    await client.query('ROLLBACK');
    client.release();
    const done = next(runner, 'job:success');
    await orders.query(`SELECT graphile_worker.add_job('reserve-stock', '"kept"')`);
    await done;
  });
  expect(ran).toEqual(['kept']);
});

test('a job that fails is tried again and keeps its error', async () => {
  let attempts = 0;
  const flaky = async () => {
    attempts += 1;
    if (attempts === 1) throw new Error('no luck');
  };
  await working({ flaky }, async (runner) => {
    const failed = next(runner, 'job:error');
    const done = next(runner, 'job:success');
    const { rows } = await orders.query<{ id: string }>(`SELECT id FROM graphile_worker.add_job('flaky')`);
    await failed;
    await hurry(rows[0]?.id ?? '');
    await done;
  });
  expect(attempts).toBe(2);
});

/** Ends the pause of e seconds before the second attempt, once the worker has written the failure. */
async function hurry(id: string): Promise<void> {
  for (;;) {
    const { rows } = await orders.query(
      `SELECT last_error FROM graphile_worker.reschedule_jobs($1::bigint[], now())`,
      [[id]],
    );
    if (rows.length === 1) return expect(rows).toEqual([{ last_error: 'no luck' }]);
  }
}

test('a job key, a queue and a job of the worker itself work too', async () => {
  const ran: string[] = [];
  const taskList: TaskList = {
    first: async (_payload, helpers) => {
      ran.push('first');
      await helpers.addJob('second', {}, { queueName: 'one-by-one', jobKey: 'second' });
    },
    second: async () => void ran.push('second'),
  };
  await working(taskList, async (runner) => {
    const done = new Promise<void>((resolve) => {
      runner.events.on('job:success', ({ job }) => job.task_identifier === 'second' && resolve());
    });
    const add = `SELECT graphile_worker.add_job('first', queue_name := 'one-by-one', job_key := 'k', run_at := now())`;
    await orders.query(add);
    await done;
  });
  expect(ran).toEqual(['first', 'second']);
});

test('jobs that a killed worker held can be unlocked by either service', async () => {
  await orders.query(`SELECT graphile_worker.add_job('held')`);
  const products = new pg.Pool({ connectionString: database.urls.products });
  await products.query(
    `UPDATE graphile_worker._private_jobs SET locked_by = 'worker-dead', locked_at = now(), attempts = 1`,
  );
  await orders.query(`SELECT graphile_worker.force_unlock_workers(ARRAY['worker-dead'])`);
  const { rows } = await products.query('SELECT locked_by FROM graphile_worker.jobs');
  await products.end();
  expect(rows).toEqual([{ locked_by: null }]);
});
