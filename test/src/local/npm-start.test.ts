// `npm start`: it becomes ready, keeps its data, restarts a service that dies, is found by the other commands, and ends completely.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { removePostgres } from '@holdfast/local/postgres/server';
import { portsFrom } from '@holdfast/local/settings/services';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { blocksOf, testOf } from '../docs/documents.ts';
import { eventually } from '../support/client.ts';
import { freeBasePort, interrupt, type Npm, ROOT, STEP_MS, startNpm } from './npm.ts';

/** The command that README.md says is tested here. */
const COMMAND = blocksOf('README.md').find(
  ({ mark }) => testOf(mark) === 'test/src/local/npm-start.test.ts',
)?.text;

let dataDir: string;
let port: number;
let npm: Npm;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'holdfast-start-'));
  port = await freeBasePort();
});
afterAll(async () => {
  npm?.end();
  await npm?.ended;
  await removePostgres(join(dataDir, 'postgres'));
  await rm(dataDir, { recursive: true, force: true });
}, STEP_MS);

const get = (path: string, base = port) => fetch(`http://127.0.0.1:${base}${path}`);
const readCatalog = async () => JSON.parse(await (await get('/products?limit=100')).text());

async function start(): Promise<void> {
  npm = await startNpm({
    PORT: String(port),
    DATA_DIR: dataDir,
    EXPLORER: 'off',
    KEYS_POLL_MS: '200',
  });
  await npm.waitFor('"msg":"ready"');
}

describe('npm start', () => {
  it('is the command of the README', () => {
    expect(COMMAND?.trim()).toBe('npm start');
  });

  it(
    'loads the demo catalog once, restarts a service that dies, ends on Ctrl-C, and keeps its data',
    async () => {
      await start();
      const first = await readCatalog();
      expect(first.length).toBeGreaterThanOrEqual(45);
      expect(npm.output()).toContain('every account may change it (CATALOG_WRITERS=everyone;');

      const killed = Number(/"service":"products".*?"pid":(\d+)/.exec(npm.output())?.[1]);
      process.kill(killed, 'SIGKILL');
      await npm.waitFor('products ended (SIGKILL) and is started again');
      await eventually(
        () => get('/products?limit=1').then(({ ok }) => ok),
        (isServed) => isServed,
        STEP_MS,
      );

      await interrupt(npm, dataDir, 'Ctrl-C');
      for (const base of [port, port + 1, port + 2, port + 3]) await expect(get('/', base)).rejects.toThrow();

      await start();
      expect(await readCatalog()).toEqual(first);
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
    const second = spawn('npm', ['start'], {
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
    const child = spawn('npm', ['run', '--silent', script, '--', ...args], {
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
      const login = await fetch(`http://127.0.0.1:${port}/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'demo', password: 'demo-password-2026' }),
      });
      const { token } = JSON.parse(await login.text());
      const profile = await fetch(`http://127.0.0.1:${port}/profile`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(JSON.parse(await profile.text())).toMatchObject({ username: 'demo', role: 'STAFF' });

      const elsewhere = join(dataDir, 'empty');
      expect(await run('users:promote', ['demo'], elsewhere)).toEqual({
        code: 1,
        said: `users:promote: no npm start runs on ${elsewhere}; start it, or set DATA_DIR or DATABASE_URL`,
      });
    },
    STEP_MS,
  );

  it(
    'gets a shop added by seed',
    async () => {
      const numbers = ['--products', '20', '--orders', '30', '--users', '10'];
      expect(await run('seed', numbers)).toEqual({
        code: 0,
        said: expect.stringMatching(/^the database \w+ at 127\.0\.0\.1:\d+\nadded \d+ rows in /),
      });
      const [newest] = JSON.parse(await (await get('/products?limit=1')).text());
      expect(Date.parse(newest.created_at)).toBeLessThan(Date.now() - 30 * 86_400_000);
    },
    STEP_MS,
  );

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

  it('leaves no process behind when npm is killed', () => interrupt(npm, dataDir, 'kill -9 of npm'), STEP_MS);
});
