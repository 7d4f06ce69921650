// `npm start` that is interrupted or killed, at each of its steps: nothing that it started goes on, and the next one works.
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isPresent } from '@holdfast/local/files';
import { removePostgres } from '@holdfast/local/postgres/server';
import { isRunning, waitUntilGone } from '@holdfast/local/processes/processes';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/client.ts';
import { descendantsOf, freeBasePort, type Npm, pressCtrlC, ROOT, startNpm } from './npm.ts';

const GONE_MS = 30_000;
const STEP_MS = 180_000;

const WAYS = ['Ctrl-C', 'kill -9 of npm', 'kill -9 of npm start'] as const;
type Way = (typeof WAYS)[number];

let folder: string;
let dataDir: string;
let port: string;
let npm: Npm | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-interrupted-'));
  port = String(await freeBasePort());
});
afterEach(async () => {
  // Of a test that failed.
  npm?.end();
  await npm?.ended;
});
afterAll(async () => {
  for (const name of await readdir(folder)) await removePostgres(join(folder, name, 'postgres'));
  await rm(folder, { recursive: true });
});

async function start(cwd = ROOT, env: Record<string, string> = {}): Promise<Npm> {
  npm = await startNpm({ DATA_DIR: dataDir, PORT: port, ...env }, cwd);
  return npm;
}

const startPid = async (): Promise<number> =>
  Number.parseInt(await readFile(join(dataDir, 'lock'), 'utf8'), 10);

/** Waits for a step, ends `npm start` in that way, and expects that nothing of it is left. */
async function interrupt(npm: Npm, way: Way, isAtStep: () => Promise<boolean>): Promise<void> {
  let isThere = false;
  const look = async () => {
    isThere ||= await isAtStep();
    return isThere || npm.hasEnded();
  };
  await eventually(look, (isOver) => isOver, STEP_MS);
  if (!isThere) throw new Error(`npm start ended before it got there:\n${npm.output()}`);

  const started = await descendantsOf(npm.pid);
  expect(started).toContain(await startPid());
  if (way === 'Ctrl-C') pressCtrlC(npm);
  else if (way === 'kill -9 of npm') process.kill(npm.pid, 'SIGKILL');
  else process.kill(await startPid(), 'SIGKILL');
  await npm.ended;
  await waitUntilGone(started, GONE_MS);
  const left = await Promise.all(started.map(async (pid) => ((await isRunning(pid)) ? [pid] : [])));
  expect(left.flat()).toEqual([]);
}

/** The steps before anything runs, in a small repository with programs in their place that never end. */
describe('while it sets up', () => {
  const HANGS = `
    import { writeFileSync } from 'node:fs';
    // As npm, which takes the first Ctrl-C for nothing.
    process.on('SIGINT', () => undefined);
    writeFileSync(process.env.ARRIVED, '');
    setInterval(() => undefined, 1_000);`;
  const STEPS = {
    install: 'slow/install.mjs',
    generateClient: 'node_modules/prisma/build/index.js',
    generateTypes: 'scripts/generate.mjs',
  } as const;
  const PROGRAMS = [...Object.values(STEPS), 'scripts/compose.mjs', 'scripts/generate-operations.mjs'];

  let repository: string;

  async function write(path: string, text: string): Promise<void> {
    await mkdir(join(repository, dirname(path)), { recursive: true });
    await writeFile(join(repository, path), text);
  }

  async function makeRepository(hanging: string): Promise<void> {
    repository = await mkdtemp(join(folder, 'repository-'));
    dataDir = join(repository, '.data');
    for (const folder of ['scripts', 'local/src'])
      for (const name of await readdir(join(ROOT, folder), { recursive: true }))
        if (/\.m?js$/.test(name))
          await write(join(folder, name), await readFile(join(ROOT, folder, name), 'utf8'));
    await copyFile(join(ROOT, '.nvmrc'), join(repository, '.nvmrc'));
    const small = { name: 'small', version: '1.0.0', type: 'module', dependencies: { slow: 'file:slow' } };
    const slow = { version: '1.0.0', type: 'module', scripts: { install: 'node install.mjs' } };
    await write('package.json', JSON.stringify({ ...small, scripts: { start: 'node scripts/start.mjs' } }));
    await write('slow/package.json', JSON.stringify({ name: 'slow', ...slow }));
    const packages = {
      '': small,
      slow: { version: '1.0.0', hasInstallScript: true },
      'node_modules/slow': { resolved: 'slow', link: true },
    };
    await write('package-lock.json', JSON.stringify({ ...small, lockfileVersion: 3, packages }));
    if (hanging !== STEPS.install)
      await write('node_modules/.package-lock.json', JSON.stringify({ packages: {} }));
    for (const program of PROGRAMS) await write(program, program === hanging ? HANGS : '');
  }

  async function interruptAt(way: Way): Promise<void> {
    const arrived = join(repository, 'arrived');
    await interrupt(await start(repository, { ARRIVED: arrived }), way, () => isPresent(arrived));
    await rm(arrived);
  }

  it.each(WAYS)(
    '%s ends it while it installs packages, and the next one gets as far',
    async (way) => {
      await makeRepository(STEPS.install);
      await interruptAt(way);
      await interruptAt(way);
    },
    STEP_MS,
  );

  it.each([
    [STEPS.generateClient, 'Ctrl-C'],
    [STEPS.generateTypes, 'kill -9 of npm start'],
  ] as const)(
    'while it runs %s, %s ends it',
    async (program, way) => {
      await makeRepository(program);
      await interruptAt(way);
    },
    STEP_MS,
  );
});

describe('once it is set up', () => {
  beforeEach(() => {
    dataDir = join(folder, 'data');
  });

  const isMakingTheDatabase = async (): Promise<boolean> => {
    const postgres = join(dataDir, 'postgres');
    if (!(await isPresent(postgres))) return false;
    const unfinished = (await readdir(postgres)).find((name) => name.startsWith('cluster.new'));
    return unfinished !== undefined && isPresent(join(postgres, unfinished, 'base'));
  };

  it.each(WAYS)(
    '%s ends it while it makes the database',
    async (way) => {
      dataDir = await mkdtemp(join(folder, 'fresh-'));
      await interrupt(await start(), way, isMakingTheDatabase);
      expect(await isPresent(join(dataDir, 'postgres', 'cluster'))).toBe(false);
    },
    STEP_MS,
  );

  it(
    'kill -9 of npm start ends it while it starts the services',
    async () => {
      let started: Npm;
      do {
        started = await start();
        const { output } = started;
        const isAtStep = async () => output().includes('loading demo data');
        await interrupt(started, 'kill -9 of npm start', isAtStep);
        // On a busy machine it may be ready before this test looks; that is another test, so this one begins again.
      } while (started.output().includes('"msg":"ready"'));
    },
    STEP_MS,
  );

  it.each(['Ctrl-C', 'kill -9 of npm'] as const)(
    '%s ends it when it is ready',
    async (way) => {
      const started = await start();
      await interrupt(started, way, async () => started.output().includes('"msg":"ready"'));
    },
    STEP_MS,
  );
});
