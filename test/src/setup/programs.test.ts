// Programs of the system: `npm test` asks for those that the chosen tests need, and finds them where Debian has them.
import { execFile } from 'node:child_process';
import { access, constants, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@holdfast/local/settings/settings';
import { describe, expect, it } from '@jest/globals';

/** The lines that a module prints, which may import from test/programs/. */
async function linesOf(code: string, env: NodeJS.ProcessEnv = process.env): Promise<string[]> {
  const args = ['--input-type=module', '--eval', code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
  return stdout.split('\n').filter((line) => line !== '');
}

const neededBy = (...tests: string[]) =>
  linesOf(`import { programsNeededBy } from './test/programs/test-programs.mjs';
    const tests = ${JSON.stringify(tests.map((test) => join(ROOT, test)))};
    for (const name of await programsNeededBy(tests)) console.log(name);`);

describe('what npm test asks for', () => {
  it('is nothing for a unit test', async () => {
    expect(await neededBy('gateway/src/admission/limits.test.ts')).toEqual([]);
    expect(await neededBy('prisma/src/migrate.test.ts')).toEqual([]);
  });

  it('is what the chosen tests import, themselves or through others, and no more', async () => {
    expect(await neededBy('test/src/rolling/rolling.test.ts')).toEqual(['redis-server', 'haproxy']);
    const two = ['test/src/k8s/network.test.ts', 'test/src/metrics/series.test.ts'];
    expect(await neededBy(...two)).toEqual(['promtool', 'kustomize']);
  });
});

/** Where tests are, and what they import of each other. */
const FOLDERS = [
  'platform/src',
  'prisma/src',
  'gateway/src',
  'subgraphs',
  'local/src',
  'test/src',
  'bench/src',
];

async function sourcesOfTests(): Promise<string[]> {
  const sources = await Promise.all(
    FOLDERS.map(async (folder) =>
      (await readdir(join(ROOT, folder), { recursive: true })).map((path) => join(folder, path)),
    ),
  );
  return sources.flat().filter((path) => path.endsWith('.test.ts') || /^test\/src\/.*\.ts$/.test(path));
}

/** A name in /usr/sbin; which there are depends on the system. */
async function administratorsProgram(): Promise<string> {
  for (const name of await readdir('/usr/sbin')) {
    const isExecutable = await access(join('/usr/sbin', name), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isExecutable) return name;
  }
  throw new Error('there is no program in /usr/sbin');
}

describe('a program', () => {
  /** The start of one, up to what is started. */
  const START = /(?<![.\w])(?:spawn|spawnSync|execFile|execFileSync|exec|execSync)\(\s*('[^']*'|[^\s,)]+)/g;
  /** Node itself, and what every system has that npm runs on. */
  // A test that mounts a disk is skipped where that cannot be done.
  const EVERYWHERE = new Set([
    'process.execPath',
    "'npm'",
    "'bash'",
    "'sh'",
    "'/bin/sh'",
    "'mount'",
    "'umount'",
  ]);

  it('is run by no module but the one in test/programs/test-programs.mjs, which tells npm test who needs it', async () => {
    const runBy = await linesOf(`import { TEST_PROGRAMS } from './test/programs/test-programs.mjs';
      for (const { runBy } of Object.values(TEST_PROGRAMS)) console.log(runBy);`);
    const sources = await sourcesOfTests();
    expect(sources).toEqual(expect.arrayContaining(runBy));
    const starts = await Promise.all(
      sources.map(async (path) => {
        const programs = (await readFile(join(ROOT, path), 'utf8')).matchAll(START);
        return [...programs].map(([, program = '']) => ({ path, program }));
      }),
    );
    expect(
      starts.flat().filter(({ path, program }) => !EVERYWHERE.has(program) && !runBy.includes(path)),
    ).toEqual([]);
  });

  it('is found in /usr/sbin, where an ordinary user’s shell does not look, by npm test and by the tests', async () => {
    const program = await administratorsProgram();
    const code = `import { spawnSync } from 'node:child_process';
      import { ensureProgram } from './test/programs/programs.mjs';
      const find = () => spawnSync('/bin/sh', ['-c', 'command -v ${program}'], { encoding: 'utf8' }).stdout.trim();
      console.log(find() === '' ? 'not found' : 'found');
      await ensureProgram({ program: '${program}', debianPackage: 'none' });
      console.log(find());`;
    expect(await linesOf(code, { PATH: '/nowhere' })).toEqual(['not found', `/usr/sbin/${program}`]);
  });
});
