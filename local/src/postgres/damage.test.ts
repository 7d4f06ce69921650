// A database that cannot be read is never deleted: what is there and cannot be recognised is an error that names it. Only
// --reset deletes the folder in any state, and nothing beside it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { isPresent } from '../files.ts';
import { childrenOf, isRunning, waitUntilGone } from '../processes/processes.js';
import { type EmbeddedPostgres, removePostgres, startPostgres } from './server.ts';

let folder: string;
let dataDir: string;
let cluster: string;
let version: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-damage-'));
  await chmod(folder, 0o755);
  dataDir = join(folder, 'data');
  cluster = join(dataDir, 'cluster');
  version = join(cluster, 'PG_VERSION');
  const server = await startPostgres({ dataDir });
  await query(server, 'CREATE TABLE kept AS SELECT 42 AS i');
  await server.stop();
});

afterAll(async () => {
  await removePostgres(dataDir);
  await rm(folder, { recursive: true });
});

async function query(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client(server.adminUrl);
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

/** Puts `path` aside while `work` runs, with what `replace` makes in its place. */
async function replaced(
  path: string,
  replace: () => Promise<unknown>,
  work: () => Promise<void>,
): Promise<void> {
  const aside = join(folder, 'aside');
  await rename(path, aside);
  try {
    await replace();
    await work();
  } finally {
    await rm(path, { recursive: true, force: true });
    await rename(aside, path);
  }
}

async function withMode(path: string, mode: number, work: () => Promise<void>): Promise<void> {
  const before = (await stat(path)).mode;
  await chmod(path, mode);
  try {
    await work();
  } finally {
    await chmod(path, before);
  }
}

describe('npm start does not touch a database', () => {
  const refuses = (message: RegExp | string) => async () => {
    await expect(startPostgres({ dataDir })).rejects.toThrow(message);
  };
  const nothing = async (): Promise<void> => undefined;

  afterAll(async () => {
    const server = await startPostgres({ dataDir });
    try {
      expect(await query(server, 'SELECT i FROM kept')).toEqual([42]);
    } finally {
      await server.stop();
    }
  });

  test('whose PG_VERSION is missing', async () => {
    const message = `${cluster} is no PostgreSQL database: PG_VERSION is missing. Nothing was changed: mend or restore it, set DATA_DIR to another folder, or start with --reset`;
    await replaced(version, nothing, refuses(message));
  });

  test('whose PG_VERSION is empty', async () => {
    await replaced(version, () => writeFile(version, ''), refuses(/PG_VERSION is empty.*--reset/));
  });

  test('whose PG_VERSION cannot be read', async () => {
    // As a folder, which root cannot read either.
    await replaced(version, () => mkdir(version), refuses(`${cluster} cannot be read (EISDIR)`));
    // Root can read it. The account that the server runs as cannot.
    await withMode(version, 0o000, refuses(/PG_VERSION|EACCES/));
  });

  test('whose folder cannot be entered', async () => {
    await withMode(cluster, 0o000, refuses(/cluster/));
  });

  test('in whose place there is something else', async () => {
    await replaced(cluster, () => writeFile(cluster, ''), refuses(`${cluster} is no folder`));
    const absent = join(folder, 'absent');
    await replaced(
      cluster,
      () => symlink(absent, cluster),
      refuses(`${cluster} is a link to ${absent}, which does not exist`),
    );
    const empty = join(folder, 'empty');
    await mkdir(empty);
    await replaced(cluster, () => symlink(empty, cluster), refuses('PG_VERSION is missing'));
  });

  test('whose password is lost', async () => {
    const password = join(dataDir, 'password');
    await replaced(password, nothing, refuses(`${password} is missing`));
    await replaced(password, () => writeFile(password, '\n'), refuses(`${password} is empty`));
    await replaced(password, () => mkdir(password), refuses(`${password} cannot be read (EISDIR)`));
  });

  test('whose lock cannot be read', async () => {
    const lock = join(dataDir, 'lock');
    await mkdir(lock);
    await expect(startPostgres({ dataDir })).rejects.toThrow('EISDIR');
    await rm(lock, { recursive: true });
  });
});

test('an empty folder is a database that is not there yet', async () => {
  const fresh = join(folder, 'fresh');
  await mkdir(join(fresh, 'cluster'), { recursive: true });
  const server = await startPostgres({ dataDir: fresh, durable: false });
  try {
    expect(await query(server, 'SELECT 1')).toEqual([1]);
  } finally {
    await server.stop();
    await removePostgres(fresh);
  }
});

test('a start that is killed while it makes the database leaves nothing that runs, and the next one makes it', async () => {
  const fresh = join(folder, 'interrupted');
  const script = join(folder, 'starter.mjs');
  const module = new URL('./server.ts', import.meta.url).href;
  await writeFile(
    script,
    `import { startPostgres } from ${JSON.stringify(module)};
     await startPostgres({ dataDir: ${JSON.stringify(fresh)} });`,
  );
  const starter = fork(script, [], { execArgv: [] });
  const unfinished = async () =>
    (await readdir(fresh).catch(() => [])).find((name) => /^cluster\.new/.test(name)) ?? 'none';
  while (!(await isPresent(join(fresh, await unfinished(), 'base')))) await sleep(5);
  const children = await childrenOf(starter.pid ?? 0);
  const grandchildren = (await Promise.all(children.map(childrenOf))).flat();
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  expect(grandchildren.length).toBeGreaterThan(0);
  expect(await waitUntilGone([...children, ...grandchildren], 10_000)).toBe(true);
  expect(await isPresent(join(fresh, 'cluster'))).toBe(false);

  const server = await startPostgres({ dataDir: fresh });
  try {
    expect(await query(server, 'SELECT 1')).toEqual([1]);
    expect((await readdir(fresh)).sort()).toEqual(['cluster', 'lock', 'password', 'port']);
  } finally {
    await server.stop();
    await removePostgres(fresh);
  }
  expect(await Promise.all(children.map(isRunning))).not.toContain(true);
}, 60_000);

describe('--reset deletes', () => {
  const target = () => join(folder, 'elsewhere');

  const KINDS: readonly [string, (path: string) => Promise<unknown>][] = [
    ['what is no database', async (path) => writeFile(path, 'a file')],
    [
      'a database without PG_VERSION',
      async (path) => {
        await mkdir(join(path, 'base'), { recursive: true });
        await writeFile(join(path, 'base', 'file'), '');
      },
    ],
    ['a link to nowhere', (path) => symlink(join(folder, 'absent'), path)],
    [
      'a folder that its owner may not enter',
      async (path) => {
        await mkdir(join(path, 'base'), { recursive: true });
        await copyFile(version, join(path, 'PG_VERSION'));
        await chmod(join(path, 'base'), 0o000);
        await chmod(path, 0o000);
      },
    ],
  ];

  test.each(KINDS)('%s', async (_, make) => {
    const damaged = join(folder, 'damaged');
    await mkdir(damaged);
    await make(join(damaged, 'cluster'));
    await removePostgres(damaged);
    expect(await isPresent(damaged)).toBe(false);
  });

  test('a file in the place of all of it', async () => {
    const damaged = join(folder, 'damaged');
    await writeFile(damaged, '');
    await removePostgres(damaged);
    expect(await isPresent(damaged)).toBe(false);
  });

  test('the database that a link leads to, and nothing beside it', async () => {
    const damaged = join(folder, 'damaged');
    await mkdir(damaged);
    await mkdir(join(target(), 'cluster'), { recursive: true });
    await writeFile(join(target(), 'photographs'), 'of the family');
    await symlink('../elsewhere/cluster', join(damaged, 'cluster'));
    await removePostgres(damaged);
    expect(await isPresent(damaged)).toBe(false);
    expect(await readdir(target())).toEqual(['photographs']);
  });
});
