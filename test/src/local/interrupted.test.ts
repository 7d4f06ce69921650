// `npm start` is interrupted or killed while it sets up, in a small repository whose programs never end: no process that it started is
// left, and the next `npm start` works. (npm-start.test.ts interrupts the later steps.)
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isPresent } from '@holdfast/local/files';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { freeBasePort, interruptAt, type Npm, ROOT, STEP_MS, startNpm, WAYS, type Way } from './npm.ts';

let folder: string;
let repository: string;
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
afterAll(() => rm(folder, { recursive: true }));

const HANGS = `
  import { writeFileSync } from 'node:fs';
  // npm ignores the first Ctrl-C, too.
  process.on('SIGINT', () => undefined);
  writeFileSync(process.env.ARRIVED, '');
  setInterval(() => undefined, 1_000);`;
const STEPS = {
  install: 'slow/install.mjs',
  generateClient: 'node_modules/prisma/build/index.js',
} as const;
const PROGRAMS = [
  ...Object.values(STEPS),
  'scripts/generate.mjs',
  'scripts/compose.mjs',
  'scripts/generate-operations.mjs',
];

async function write(path: string, text: string): Promise<void> {
  await mkdir(join(repository, dirname(path)), { recursive: true });
  await writeFile(join(repository, path), text);
}

async function makeRepository(hanging: string): Promise<void> {
  repository = await mkdtemp(join(folder, 'repository-'));
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

async function start(): Promise<Npm> {
  const env = { DATA_DIR: join(repository, '.data'), PORT: port, ARRIVED: join(repository, 'arrived') };
  npm = await startNpm(env, repository);
  return npm;
}

async function startAndInterrupt(way: Way): Promise<void> {
  const arrived = join(repository, 'arrived');
  await interruptAt(await start(), join(repository, '.data'), way, () => isPresent(arrived));
  await rm(arrived);
}

it(
  'each way ends it while it installs packages, and the start after Ctrl-C or after its own kill gets as far',
  async () => {
    await makeRepository(STEPS.install);
    // After `kill -9 of npm`, `npm start` notices that npm has ended and stops as after Ctrl-C, so no start follows this last way.
    for (const way of WAYS) await startAndInterrupt(way);
  },
  STEP_MS,
);

it(
  'ends with one line when package-lock.json has the marks of a merge',
  async () => {
    await makeRepository(STEPS.generateClient);
    await write('package-lock.json', '<<<<<<< HEAD\n{}\n');
    const started = await start();
    expect(await started.ended).toMatchObject({ code: 1 });
    expect(started.output()).toMatch(/^package-lock\.json is not JSON; it may have the marks of a merge$/m);
    expect(started.output()).not.toMatch(/^ +at /m);
  },
  STEP_MS,
);

it(
  'Ctrl-C ends it while it generates code',
  async () => {
    await makeRepository(STEPS.generateClient);
    await startAndInterrupt('Ctrl-C');
  },
  STEP_MS,
);
