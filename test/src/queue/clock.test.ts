// PostgreSQL's clock steps back by two minutes: no job waits until it has caught up.
import { createLogger } from '@holdfast/platform/observability/log';
import { startWorker, type Worker } from '@holdfast/platform/queue/queue';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../setup/database.ts';
import { eventually } from '../support/client.ts';

const LEASE_MS = 1_000;
const PROMPTLY_MS = 15_000;

/** Every `now()` that a statement says in this database is of this clock, which can be stepped. */
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

let database: TestDatabase;
let admin: pg.Client;
let worker: Worker;
let open: () => void;
let begun: string[];
let done: string[];

beforeEach(async () => {
  database = await createTestDatabase();
  const first = new pg.Client({ connectionString: database.adminUrl });
  await first.connect();
  await first.query(CLOCK);
  await first.end();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  [begun, done] = [[], []];
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const handle = async (payload: unknown): Promise<void> => {
    const name = JSON.stringify(payload);
    begun.push(name);
    if (name.includes('slow')) await gate;
    done.push(name);
  };
  worker = startWorker({
    settings: { DATABASE_URL: database.urls.products, QUEUE_CONCURRENCY: 2, QUEUE_LEASE_MS: LEASE_MS },
    applicationName: 'test',
    handlers: () => ({ 'do-it': handle }),
    jobsAtOnce: 2,
    log: createLogger('test', 'silent'),
  });
});
afterEach(async () => {
  open();
  await worker.stop();
  await admin.end();
  await database.drop();
});

const addJob = (name: string) =>
  admin.query(`SELECT graphile_worker.add_job('do-it', json_build_object('name', $1::text))`, [name]);
const stepBack = () => admin.query(`UPDATE clock.ahead SET by = interval '0'`);
const jobsLeft = async (): Promise<number> =>
  (await admin.query('SELECT FROM graphile_worker.jobs')).rowCount ?? -1;

describe('when the clock of PostgreSQL has stepped back', () => {
  it('jobs that were added before are run promptly', async () => {
    // They keep both workers busy until the clock has stepped.
    await Promise.all([addJob('slow 1'), addJob('slow 2')]);
    await eventually(
      async () => begun.length,
      (count) => count === 2,
    );
    for (const name of ['a', 'b', 'c']) await addJob(name);
    await stepBack();
    open();
    await eventually(jobsLeft, (count) => count === 0, PROMPTLY_MS);
    expect(new Set(done).size).toBe(5);
  });

  it('a job whose worker was killed before is given out again after its lease', async () => {
    await Promise.all([addJob('slow 1'), addJob('slow 2')]);
    await eventually(
      async () => begun.length,
      (count) => count === 2,
    );
    await addJob('orphan');
    await admin.query(
      `UPDATE graphile_worker._private_jobs SET locked_by = 'a worker that was killed', locked_at = now(), attempts = 1
        WHERE payload->>'name' = 'orphan'`,
    );
    await stepBack();
    open();
    await eventually(jobsLeft, (count) => count === 0, PROMPTLY_MS);
    expect(done).toContain('{"name":"orphan"}');
  });
});
