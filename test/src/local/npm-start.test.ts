// `npm start`: it becomes ready, is found by the other commands, answers 503 while its disk is full, restarts a service that dies, keeps
// its data, and ends completely when it is interrupted or killed. (interrupted.test.ts interrupts its set-up.)
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isPresent } from '@holdfast/local/files';
import { removePostgres } from '@holdfast/local/postgres/server';
import { SEEDED_PASSWORD } from '@holdfast/local/seed/seed-shop';
import { portsFrom } from '@holdfast/local/settings/services';
import { findAdministratorUrl } from '@holdfast/local/stack/local-stack';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { blocksOf, testOf } from '../docs/documents.ts';
import { readUnitsPutIn } from '../seed/seeded-shop.ts';
import { Client, eventually } from '../support/client.ts';
import { expectInvariants, inspect } from '../support/invariants.ts';
import { canMount, fill, mount, unmount } from './disk.ts';
import { freeBasePort, interrupt, interruptAt, type Npm, ROOT, STEP_MS, startNpm } from './npm.ts';

const TRIES = 100;

/** The command that README.md says is tested here. */
const COMMAND = blocksOf('README.md').find(
  ({ mark }) => testOf(mark) === 'test/src/local/npm-start.test.ts',
)?.text;

const hasDisk = canMount();

let folder: string;
let dataDir: string;
let port: number;
let npm: Npm;
let client: Client;
/** The rows before `npm start` is killed. */
let rows: unknown[];

beforeAll(async () => {
  folder = hasDisk ? mount(300) : await mkdtemp(join(tmpdir(), 'holdfast-start-'));
  dataDir = join(folder, 'data');
  port = await freeBasePort();
});
afterAll(async () => {
  npm?.end();
  await npm?.ended;
  await removePostgres(join(dataDir, 'postgres'));
  if (hasDisk) unmount(folder);
  else await rm(folder, { recursive: true, force: true });
}, STEP_MS);

const get = (path: string, base = port) => fetch(`http://127.0.0.1:${base}${path}`);

async function start(): Promise<void> {
  // A test that failed leaves it running.
  npm?.end();
  await npm?.ended;
  npm = await startNpm({
    PORT: String(port),
    DATA_DIR: dataDir,
    EXPLORER: 'off',
    KEYS_POLL_MS: '200',
    RATE_LIMITS: 'off',
  });
}

/** The unfinished databases that have files. */
async function listUnfinished(): Promise<string[]> {
  const postgres = join(dataDir, 'postgres');
  if (!(await isPresent(postgres))) return [];
  const names = (await readdir(postgres)).filter((name) => /^cluster\.new-\w+$/.test(name));
  const hasFiles = await Promise.all(names.map((name) => isPresent(join(postgres, name, 'base'))));
  return names.filter((_, place) => hasFiles[place]);
}

const readRows = async (): Promise<unknown[]> =>
  inspect(await findAdministratorUrl(dataDir), async (admin) => {
    const { rows } = await admin.query(
      'SELECT id, name FROM products.products UNION ALL SELECT id, username FROM users.users ORDER BY id, name',
    );
    return rows;
  });

describe('npm start', () => {
  it('is the command of the README', () => {
    expect(COMMAND?.trim()).toBe('npm start');
  });

  it(
    'Ctrl-C ends it while it makes the database',
    async () => {
      await start();
      await interruptAt(npm, dataDir, 'Ctrl-C', async () => (await listUnfinished()).length > 0);
    },
    STEP_MS,
  );

  it(
    'makes the database after that, and loads the demo catalog',
    async () => {
      await start();
      await npm.waitFor('"msg":"ready"');
      client = await Client.of(`http://127.0.0.1:${port}`);
      expect((await client.rest('GET', '/products?limit=100')).body.length).toBeGreaterThanOrEqual(45);
      expect(npm.output()).toContain('every account may change it (CATALOG_WRITERS=everyone;');
    },
    STEP_MS,
  );

  it('shows a line for a shell that opens its database', async () => {
    const line = /PGPASSWORD=.* psql .*/.exec(npm.output())?.[0] ?? '';
    // A function in the place of psql, which not every machine has, prints the arguments.
    const shell = `psql() { echo "$PGPASSWORD $*"; }; ${line}`;
    const { stdout } = await promisify(execFile)('sh', ['-c', shell], { cwd: ROOT });
    const [, password = '', host = '', databasePort, user, database] =
      /^(\S+) -h (\S+) -p (\d+) -U (\S+) (\S+)\n$/.exec(stdout) ?? [];
    const client = new pg.Client({ host, port: Number(databasePort), user, password, database });
    await client.connect();
    const { rows } = await client.query('SELECT count(*)::int > 0 AS "isFull" FROM products.products');
    await client.end();
    expect(rows).toEqual([{ isFull: true }]);
  });

  it('passes settings on to its services', async () => {
    const page = await fetch(`http://127.0.0.1:${port}/graphql`, { headers: { accept: 'text/html' } });
    expect([page.status, page.headers.get('content-type')]).toEqual([
      400,
      expect.stringMatching(/^application\/json/),
    ]);
  });

  /** What a second `npm start` writes that does not start. */
  async function readRefusal(env: Record<string, string>): Promise<string> {
    const second = spawn(process.execPath, ['scripts/start.mjs'], {
      cwd: ROOT,
      env: { ...process.env, PORT: String(port + 10), DATA_DIR: dataDir, DATABASE_URL: '', ...env },
    });
    let written = '';
    second.stderr?.on('data', (text) => {
      written += text;
    });
    const [code] = await once(second, 'close');
    expect(code).not.toBe(0);
    return written;
  }

  it(
    'refuses in one line to start beside another one',
    async () => {
      expect(await readRefusal({})).toMatch(
        /^npm start: another npm start \(process \d+\) runs on .*; stop it, or set DATA_DIR and PORT/m,
      );
    },
    STEP_MS,
  );

  it(
    'refuses in one line settings that are invalid or unknown, of the environment before those of ENV_FILE',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-env-file-'));
      const file = join(folder, 'settings.env');
      await writeFile(file, 'EXPLORER=no\nINTROSPECTION=no\n');
      const env = { DATA_DIR: folder, ENV_FILE: file, INTROSPECTION: 'off', RATE_LIMIT: 'off' };
      const lines = (await readRefusal(env)).trim().split('\n');
      expect(lines).toEqual([
        expect.stringMatching(/^npm start: .*EXPLORER: [^;]*expected one of "on"\|"off"/),
      ]);
      expect(lines[0]).toContain('RATE_LIMIT is not a setting; did you mean RATE_LIMITS?');
      expect(lines[0]).not.toContain('INTROSPECTION');
      expect(await readRefusal({ DATA_DIR: folder, ENV_FILE: join(folder, 'absent') })).toMatch(
        /\/absent cannot be read: ENOENT/,
      );
      await rm(folder, { recursive: true });
    },
    STEP_MS,
  );

  const run = async (script: string, args: string[], folder = dataDir) => {
    const child = spawn(process.execPath, ['scripts/run.mjs', script, ...args], {
      cwd: ROOT,
      env: { ...process.env, DATA_DIR: folder, DATABASE_URL: '' },
    });
    let said = '';
    child.stdout.on('data', (text) => (said += text));
    child.stderr.on('data', (text) => (said += text));
    const [code] = await once(child, 'close');
    return { code, said: said.trim() };
  };

  it(
    'has its accounts made staff by users:promote',
    async () => {
      expect(await run('users:promote', ['demo'])).toEqual({
        code: 0,
        said: 'demo is staff now; its access tokens have the role from the next login or refresh on',
      });
      const token = await client.signIn('demo', 'demo-password-2026');
      expect((await client.rest('GET', '/profile', { token })).body).toMatchObject({
        username: 'demo',
        role: 'STAFF',
      });

      const elsewhere = join(dataDir, 'empty');
      expect(await run('users:promote', ['demo'], elsewhere)).toEqual({
        code: 1,
        said: `users:promote: no npm start runs on ${elsewhere}; start it, or set DATA_DIR or DATABASE_URL`,
      });
    },
    STEP_MS,
  );

  it(
    'takes orders while seed adds a shop, whose accounts buy and cancel in it',
    async () => {
      const buyer = await client.account();
      const plenty = await client.product(buyer.token, { stock: 100_000 });
      const order = (product_id: string, token: string) =>
        client.rest('POST', '/orders', { token, body: { product_id: Number(product_id), quantity: 1 } });
      let isSeeding = true;
      const size = { products: 300, orders: 1_200, users: 5_000 };
      const numbers = Object.entries(size).flatMap(([name, value]) => [`--${name}`, String(value)]);
      const seeding = run('seed', numbers).finally(() => {
        isSeeding = false;
      });
      try {
        while (isSeeding) expect((await order(plenty.id, buyer.token)).status).toBe(201);
      } finally {
        await seeding;
      }
      expect(await seeding).toEqual({
        code: 0,
        said: expect.stringMatching(/^the database \w+ at 127\.0\.0\.1:\d+\nadded \d+ rows in /),
      });
      const adminUrl = await findAdministratorUrl(dataDir);
      const units = await readUnitsPutIn(adminUrl, size, 1);

      const { username, orderId } = await findConfirmedOrder(adminUrl);
      const token = await client.signIn(username, SEEDED_PASSWORD);
      const headers = { 'if-match': '"2"' };
      expect((await client.rest('POST', `/orders/${orderId}/cancel`, { token, headers })).status).toBe(200);
      for (const id of [...units.keys()].slice(0, 20))
        expect([201, 409]).toContain((await order(id, token)).status);
      await client.product(buyer.token);
      await expectInvariants(adminUrl, units);
    },
    STEP_MS,
  );

  /** An order of the seed that can be cancelled. */
  const findConfirmedOrder = (adminUrl: string) =>
    inspect(adminUrl, async (admin) => {
      const { rows } = await admin.query<{ username: string; orderId: string }>(
        `SELECT username, o.id::text AS "orderId" FROM orders.orders o JOIN users.users u ON u.id = user_id
          WHERE o.status = 'CONFIRMED' AND username ~ '\\.' LIMIT 1`,
      );
      const [row] = rows;
      if (row === undefined) throw new Error('the seeded shop has no order that can be cancelled');
      return row;
    });

  it(
    'has its signing keys rotated by keys:rotate, without a restart',
    async () => {
      // At the users service, because the gateway may keep its copy for 15 s.
      const published = async (): Promise<unknown[]> =>
        JSON.parse(await (await get('/.well-known/jwks.json', portsFrom(port).users.http)).text()).keys;
      expect(await published()).toHaveLength(1);
      const { code, said } = await run('keys:rotate', []);
      expect([code, said.split('\n')]).toEqual([
        0,
        Array(3).fill(expect.stringMatching(/^(added )?[\w-]{43}/)),
      ]);
      await eventually(published, (keys) => keys.length === 2, STEP_MS);
    },
    STEP_MS,
  );

  (hasDisk ? it : it.skip)(
    'answers 503 while its disk is full, until there is room again (skipped where no disk can be mounted)',
    async () => {
      const { token } = await client.account();
      const create = () => {
        const description = randomBytes(6_000).toString('base64');
        return client.rest('POST', '/products', {
          token,
          body: { name: 'A thing', description, price: 1, stock: 1 },
        });
      };
      const free = await fill(folder);
      try {
        const statuses: number[] = [];
        while (statuses.length < TRIES && !statuses.includes(503)) {
          const { status, body } = await create();
          statuses.push(status);
          if (status === 503) expect(body.code).toBe('SERVICE_UNAVAILABLE');
        }
        expect(statuses.filter((status) => status !== 201)).toEqual([503]);
      } finally {
        await free();
      }
      expect((await create()).status).toBe(201);
    },
    STEP_MS,
  );

  it(
    'starts a service again that dies, and ends completely on kill -9 of npm start',
    async () => {
      const killed = Number(/"service":"products".*?"pid":(\d+)/.exec(npm.output())?.[1]);
      process.kill(killed, 'SIGKILL');
      await npm.waitFor('products ended (SIGKILL) and is started again');
      await eventually(
        () => get('/products?limit=1').then(({ ok }) => ok),
        (isServed) => isServed,
        STEP_MS,
      );
      rows = await readRows();
      await interrupt(npm, dataDir, 'kill -9 of npm start');
    },
    STEP_MS,
  );

  it(
    'becomes ready with the same data when it starts again, and ends completely on Ctrl-C',
    async () => {
      await start();
      await npm.waitFor('"msg":"ready"');
      expect(await readRows()).toEqual(rows);
      await interrupt(npm, dataDir, 'Ctrl-C');
    },
    STEP_MS,
  );
});
