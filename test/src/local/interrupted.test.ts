// `npm start` is interrupted or killed at each of its steps until it is ready: no process that it started is left, and the next
// `npm start` works. (npm-start.test.ts interrupts one that is ready.)
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isPresent } from '@holdfast/local/files';
import { removePostgres } from '@holdfast/local/postgres/server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/client.ts';
import { freeBasePort, interrupt, type Npm, ROOT, STEP_MS, startNpm, WAYS, type Way } from './npm.ts';

let folder: string;
let dataDir: string;
let port: string;
let npm: Npm | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-interrupted-'));
  port = String(await freeBasePort());
});
afterEach(async () => {
  // A test that failed leaves it running.
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

/** Waits until `npm start` is at a step, and ends it there in that way. */
async function interruptAt(npm: Npm, way: Way, isAtStep: () => Promise<boolean>): Promise<void> {
  let isThere = false;
  const look = async () => {
    isThere ||= await isAtStep();
    return isThere || npm.hasEnded();
  };
  await eventually(look, (isOver) => isOver, STEP_MS);
  if (!isThere) throw new Error(`npm start ended before this step:\n${npm.output()}`);
  await interrupt(npm, dataDir, way);
}

/** The steps before any service runs, in a small repository whose programs never end. */
describe('while it sets up', () => {
  const HANGS = `
    import { writeFileSync } from 'node:fs';
    // npm ignores the first Ctrl-C, too.
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

  async function startAndInterrupt(way: Way): Promise<void> {
    const arrived = join(repository, 'arrived');
    await interruptAt(await start(repository, { ARRIVED: arrived }), way, () => isPresent(arrived));
    await rm(arrived);
  }

  it(
    'each way ends it while it installs packages, and the next one gets as far',
    async () => {
      await makeRepository(STEPS.install);
      // Another start follows each of the ways.
      for (const way of [...WAYS, 'Ctrl-C'] as const) await startAndInterrupt(way);
    },
    STEP_MS,
  );

  it(
    'ends with one line when package-lock.json has the marks of a merge',
    async () => {
      await makeRepository(STEPS.generateClient);
      await write('package-lock.json', '<<<<<<< HEAD\n{}\n');
      const started = await start(repository, { ARRIVED: join(repository, 'arrived') });
      expect(await started.ended).toMatchObject({ code: 1 });
      expect(started.output()).toMatch(/^package-lock\.json is not JSON; it may have the marks of a merge$/m);
      expect(started.output()).not.toMatch(/^ +at /m);
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
      await startAndInterrupt(way);
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

  it.each(['Ctrl-C', 'kill -9 of npm'] as const)(
    '%s ends it while it makes the database',
    async (way) => {
      dataDir = await mkdtemp(join(folder, 'fresh-'));
      await interruptAt(await start(), way, isMakingTheDatabase);
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
        await interruptAt(started, 'kill -9 of npm start', isAtStep);
        // On a busy machine the services may be ready before this test looks. Then it begins again.
      } while (started.output().includes('"msg":"ready"'));
    },
    STEP_MS,
  );
});
