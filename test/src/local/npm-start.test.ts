// `npm start`, as a person types it: ready, kept, watched over, and gone when it is told to.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { removePostgres } from '@holdfast/local/postgres/server';
import { freePort } from '@holdfast/local/processes/ports';
import { isRunning } from '@holdfast/local/processes/processes';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { blocksOf, testOf } from '../docs/documents.ts';
import { eventually } from '../support/client.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** The command that README.md says is tested here. */
const COMMAND = blocksOf('README.md').find(
  ({ mark }) => testOf(mark) === 'test/src/local/npm-start.test.ts',
)?.text;

let dataDir: string;
let port: number;
let npm: ChildProcess | undefined;
let output = '';

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'holdfast-start-'));
  port = await freePort();
});
afterAll(async () => {
  npm?.kill('SIGTERM');
  const removed = () =>
    removePostgres(join(dataDir, 'postgres')).then(
      () => true,
      () => false,
    );
  await eventually(removed, (isRemoved) => isRemoved);
  await rm(dataDir, { recursive: true, force: true });
});

const get = (path: string, base = port) => fetch(`http://127.0.0.1:${base}${path}`);
const serves = (): Promise<boolean> =>
  get('/products?limit=1').then(
    ({ ok }) => ok,
    () => false,
  );

async function start(): Promise<void> {
  output = '';
  npm = spawn('sh', ['-c', `exec ${COMMAND}`], {
    cwd: ROOT,
    env: {
      ...process.env,
      PORT: String(port),
      DATA_DIR: dataDir,
      DATABASE_URL: '',
      REDIS_URL: '',
      EXPLORER: 'off',
      // The tests ask for the published keys until they have changed.
      RATE_LIMITS: 'invalid=100000/1m',
    },
  });
  npm.stdout?.on('data', (text) => {
    output += text;
  });
  await eventually(
    async () => output.includes('"msg":"ready"'),
    (isReady) => isReady,
    60_000,
  );
}

const supervisorPid = async (): Promise<number> =>
  Number.parseInt(await readFile(join(dataDir, 'lock'), 'utf8'), 10);

describe('npm start', () => {
  it('loads the demo catalog once, starts again what dies, and keeps the data from one start to the next', async () => {
    await start();
    const first = JSON.parse(await (await get('/products?limit=100')).text());
    expect(first.length).toBeGreaterThanOrEqual(45);
    expect(output).toContain('every signed-in account writes it (CATALOG_WRITERS=everyone;');

    const killed = Number(/"service":"products".*?"pid":(\d+)/.exec(output)?.[1]);
    process.kill(killed, 'SIGKILL');
    await eventually(
      async () => output.includes('products ended (SIGKILL) and is started again'),
      (isSaid) => isSaid,
    );
    await eventually(serves, (answers) => answers);

    const supervisor = await supervisorPid();
    const ended = npm && once(npm, 'close');
    npm?.kill('SIGTERM');
    await ended;
    await eventually(
      () => isRunning(supervisor),
      (runs) => !runs,
    );
    for (const base of [port, port + 1, port + 2, port + 3]) await expect(get('/', base)).rejects.toThrow();

    await start();
    expect(JSON.parse(await (await get('/products?limit=100')).text())).toEqual(first);
  }, 180_000);

  it('shows a line for a shell that opens its database', async () => {
    const line = /PGPASSWORD=.* psql .*/.exec(output)?.[0] ?? '';
    // In place of psql, which not every machine has: what it would be given.
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

  it('gives its services the settings that they know', async () => {
    const page = await fetch(`http://127.0.0.1:${port}/graphql`, { headers: { accept: 'text/html' } });
    expect([page.status, page.headers.get('content-type')]).toEqual([
      400,
      expect.stringMatching(/^application\/json/),
    ]);
  });

  /** What a second one says that does not start. */
  async function refusal(env: Record<string, string>): Promise<string> {
    const second = spawn('npm', ['start'], {
      cwd: ROOT,
      env: { ...process.env, PORT: String(port + 10), DATA_DIR: dataDir, DATABASE_URL: '', ...env },
    });
    let said = '';
    second.stderr?.on('data', (text) => {
      said += text;
    });
    const [code] = await once(second, 'close');
    expect(code).not.toBe(0);
    return said;
  }

  it('says in one line that another one runs', async () => {
    expect(await refusal({})).toMatch(
      /^npm start: another npm start \(process \d+\) runs on .*; stop it, or set DATA_DIR and PORT/m,
    );
  }, 30_000);

  it('says in one line which settings would not be used', async () => {
    const elsewhere = { DATA_DIR: `${dataDir}-elsewhere` };
    const said = (await refusal({ ...elsewhere, RATE_LIMIT: 'off', EXPLORER: 'no' })).trim().split('\n');
    await rm(elsewhere.DATA_DIR, { recursive: true, force: true });
    expect(said).toEqual([expect.stringMatching(/^npm start: .*EXPLORER: .*expected one of "on"\|"off"/)]);
    expect(said[0]).toContain('RATE_LIMIT is no setting; did you mean RATE_LIMITS?');
  }, 30_000);

  it('takes from ENV_FILE what the environment does not set', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-env-file-'));
    const file = join(folder, 'settings.env');
    await writeFile(file, 'EXPLORER=no\nINTROSPECTION=no\n');
    const said = await refusal({ DATA_DIR: folder, ENV_FILE: file, INTROSPECTION: 'off' });
    expect(said).toMatch(/^npm start: EXPLORER: [^;]*expected one of "on"\|"off"\s*$/);
    expect(await refusal({ DATA_DIR: folder, ENV_FILE: join(folder, 'absent') })).toMatch(
      /\/absent cannot be read: ENOENT/,
    );
    await rm(folder, { recursive: true });
  }, 30_000);

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

  it('is found by users:promote, which makes an account staff', async () => {
    expect(await run('users:promote', ['demo'])).toEqual({
      code: 0,
      said: 'demo is staff now; tokens say so from the next login or refresh on',
    });
    expect(await run('users:promote', ['demo'])).toEqual({ code: 0, said: 'demo is staff already' });
    expect(await run('users:promote', ['nobody'])).toEqual({
      code: 1,
      said: 'promote: there is no account "nobody"',
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

    const elsewhere = join(dataDir, 'nothing-here');
    expect(await run('users:promote', ['demo'], elsewhere)).toEqual({
      code: 1,
      said: `users:promote: no npm start runs on ${elsewhere}; start it, or set DATA_DIR or DATABASE_URL`,
    });
  }, 60_000);

  it('is found by seed, which adds a shop', async () => {
    const numbers = ['--products', '20', '--orders', '30', '--users', '10'];
    expect(await run('seed', numbers)).toEqual({
      code: 0,
      said: expect.stringMatching(/^the database \w+ at 127\.0\.0\.1:\d+\nadded \d+ rows in /),
    });
    const [newest] = JSON.parse(await (await get('/products?limit=1')).text());
    expect(Date.parse(newest.created_at)).toBeLessThan(Date.now() - 30 * 86_400_000);
  }, 60_000);

  it('has its signing keys rotated by keys:rotate, without a restart', async () => {
    const published = async (): Promise<unknown[]> =>
      JSON.parse(await (await get('/.well-known/jwks.json')).text()).keys;
    expect(await published()).toHaveLength(1);
    const { code, said } = await run('keys:rotate', []);
    expect([code, said.split('\n')]).toEqual([
      0,
      Array(3).fill(expect.stringMatching(/^(added )?[\w-]{43}/)),
    ]);
    await eventually(published, (keys) => keys.length === 2, 30_000);
  }, 60_000);
});
