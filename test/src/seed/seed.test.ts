// `npm run seed` adds a shop of any size to a database: completely, or in whole batches when it is killed. The same numbers make the
// same shop. (test/src/local/npm-start.test.ts seeds the database of a running system.)
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import type { ShopSize } from '@holdfast/local/seed/plan';
import { seed as seedDemo } from '@holdfast/local/seed/seed';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/client.ts';
import { expectInvariants, inspect } from '../support/invariants.ts';
import { readUnitsPutIn, SEEDED } from './seeded-shop.ts';

const PROGRAM = fileURLToPath(new URL('../../../local/src/programs/seed-shop.ts', import.meta.url));
/** The number of accounts makes two batches. */
const SIZE: ShopSize = { products: 100, orders: 600, users: 5_002 };
const SEED = 7;

function start(adminUrl: string, size: ShopSize = SIZE, seed = SEED, others = ['--yes']) {
  const options = Object.entries({ ...size, seed }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, [PROGRAM, ...options, ...others], {
    env: { ...process.env, DATABASE_URL: adminUrl },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const ended = once(child, 'close').then(([code]) => ({ code, output }));
  return { child, ended };
}

const seedShop = async (adminUrl: string, size?: ShopSize, seed?: number): Promise<string> => {
  const { code, output } = await start(adminUrl, size, seed).ended;
  expect({ code, output }).toMatchObject({ code: 0 });
  return output;
};

/** Digests of all that a shop has, without ids and the salt of the password. */
const CONTENT = `
  SELECT (SELECT md5(string_agg(concat_ws('|', username, email, role, version, created_at), ',' ORDER BY username))
            FROM users.users WHERE username ~ '\\.') AS users,
         (SELECT md5(string_agg(concat_ws('|', name, description, price, stock, version, content_version, archived_at, created_at,
                                          updated_at), ',' ORDER BY created_at, name))
            FROM products.products WHERE ${SEEDED}) AS products,
         (SELECT md5(string_agg(concat_ws('|', username, p.name, o.quantity, unit_price, o.status, o.version, rejection_available,
                                          reason, e.status, e.version, actor_role, e.created_at, r.status, key), ','
                                ORDER BY username, o.created_at, e.version))
            FROM orders.orders o JOIN users.users u ON u.id = user_id JOIN products.products p ON p.id = product_id
            JOIN orders.order_events e ON e.order_id = o.id JOIN products.reservations r ON r.order_id = o.id
            LEFT JOIN orders.idempotency_keys k ON k.order_id = o.id) AS orders`;

const readContent = (adminUrl: string) =>
  inspect(adminUrl, async (client) => (await client.query(CONTENT)).rows[0]);

const countRows = (adminUrl: string) =>
  inspect(adminUrl, async (client) => {
    const { rows } = await client.query<{ users: number; products: number; orders: number }>(
      `SELECT (SELECT count(*)::int FROM users.users WHERE username ~ '\\.') AS users,
              (SELECT count(*)::int FROM products.products WHERE ${SEEDED}) AS products,
              (SELECT count(*)::int FROM orders.orders) AS orders`,
    );
    return rows[0] ?? { users: 0, products: 0, orders: 0 };
  });

const countSessionsOfSeed = (adminUrl: string) =>
  inspect(adminUrl, async (client) => {
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_activity WHERE application_name = 'seed' AND datname = current_database()`,
    );
    return rowCount;
  });

const countWaitingSessions = (adminUrl: string) =>
  inspect(adminUrl, async (client) => {
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_activity
        WHERE application_name = 'seed' AND datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rowCount;
  });

/** Lets the second batch of a seed wait for a lock on the table `gate`, and no earlier one. */
const GATE = `
  CREATE TABLE public.gate ();
  CREATE FUNCTION public.pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM orders.orders) THEN LOCK TABLE public.gate; END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER gate BEFORE INSERT ON orders.orders FOR EACH STATEMENT EXECUTE FUNCTION public.pass()`;

/** Ends the session of a seed whose vacuum waits for a lock. Resolves with how many there were. */
const endWaitingVacuum = (adminUrl: string) =>
  inspect(adminUrl, async (client) => {
    const { rowCount } = await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'seed' AND datname = current_database() AND query LIKE 'VACUUM%' AND wait_event_type = 'Lock'`,
    );
    return rowCount;
  });

/** The number of tables that a command has vacuumed (autovacuum does not count). */
const countTablesVacuumed = (adminUrl: string) =>
  inspect(adminUrl, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      'SELECT count(*)::int FROM pg_stat_user_tables WHERE last_vacuum IS NOT NULL',
    );
    return rows[0]?.count;
  });

describe('a database', () => {
  const databases: TestDatabase[] = [];
  async function newDatabase(): Promise<string> {
    const database = await createTestDatabase();
    databases.push(database);
    await seedDemo(database.urls);
    return database.adminUrl;
  }
  afterEach(async () => {
    for (const database of databases.splice(0)) await database.release();
  });

  it('has whole batches after the seed was killed, and the whole shop after the next run', async () => {
    const [killed, whole] = [await newDatabase(), await newDatabase()];
    await inspect(killed, async (admin) => {
      await admin.query(GATE);
      await admin.query('BEGIN; LOCK TABLE public.gate');
      const { child, ended } = start(killed);
      // Each look has its own connection, because within a transaction PostgreSQL shows pg_stat_activity as it was at the first look.
      await eventually(
        () => countWaitingSessions(killed),
        (sessions) => sessions === 1,
        60_000,
      );
      child.kill('SIGKILL');
      await ended;
      await admin.query('ROLLBACK; DROP TABLE public.gate; DROP FUNCTION public.pass CASCADE');
    });
    // The server may still commit or undo the statements that it has received.
    await eventually(
      () => countSessionsOfSeed(killed),
      (sessions) => sessions === 0,
    );
    expect(await countRows(killed)).toEqual({
      users: SIZE.users / 2,
      products: SIZE.products / 2,
      orders: SIZE.orders / 2,
    });
    expect(await seedShop(killed)).toContain('1 of 2 batches exist already');
    await seedShop(whole);
    expect(await countRows(killed)).toEqual(SIZE);
    expect(await readContent(killed)).toEqual(await readContent(whole));
    await expectInvariants(whole, await readUnitsPutIn(whole, SIZE, SEED));
  }, 300_000);

  it('gets the same shop only once, is vacuumed by the next run when the first was ended before that, and gets another shop for another seed', async () => {
    const url = await newDatabase();
    const size = { products: 50, orders: 100, users: 10 };
    const { code } = await inspect(url, async (admin) => {
      await admin.query('BEGIN');
      // This lock lets the seed write rows, and lets no vacuum begin.
      await admin.query('LOCK TABLE users.users IN SHARE UPDATE EXCLUSIVE MODE');
      const { ended } = start(url, size);
      await eventually(
        () => endWaitingVacuum(url),
        (sessions) => sessions === 1,
      );
      await admin.query('ROLLBACK');
      return ended;
    });
    expect(code).toBe(1);
    expect(await countRows(url)).toEqual(size);
    expect(await countTablesVacuumed(url)).toBe(0);
    const content = await readContent(url);
    expect(await seedShop(url, size)).toContain('this shop exists already');
    expect(await readContent(url)).toEqual(content);
    expect(await countTablesVacuumed(url)).toBe(6);
    await seedShop(url, size, SEED + 1);
    expect(await countRows(url)).toEqual({ products: 100, orders: 200, users: 20 });
  }, 300_000);

  it('on another machine is left alone without --yes, and one line says why', async () => {
    const url = 'postgres://admin:secret@db.invalid:5433/shop';
    const { code, output } = await start(url, SIZE, SEED, []).ended;
    expect({ code, output }).toEqual({
      code: 1,
      output: expect.stringMatching(
        /^ {2}the database shop at db\.invalid:5433\nseed: db\.invalid is not this machine, .* add --yes to allow it\n$/,
      ),
    });
    expect((await start(url).ended).output).toMatch(/ENOTFOUND|EAI_AGAIN/);
  }, 300_000);

  it('without an account of staff is left alone, and one line says why', async () => {
    const database = await createTestDatabase();
    databases.push(database);
    const { code, output } = await start(database.adminUrl).ended;
    expect({ code, output }).toEqual({
      code: 1,
      output: expect.stringMatching(/^ {2}the database .*\nseed: the seed needs a staff account, .*\n$/),
    });
    expect(await countRows(database.adminUrl)).toEqual({ users: 0, products: 0, orders: 0 });
  }, 300_000);
});
