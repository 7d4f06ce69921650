// Programs that npm does not install: `npm test` needs those of the chosen tests, finds them where Debian has them, and installs
// them only as root.
import { execFile } from 'node:child_process';
import { access, constants, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@holdfast/local/root';
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
    for (const { name } of await programsNeededBy(tests)) console.log(name);`);

describe('npm test needs', () => {
  it('no program for a unit test', async () => {
    expect(await neededBy('gateway/src/admission/limits.test.ts')).toEqual([]);
    expect(await neededBy('prisma/src/migrate.test.ts')).toEqual([]);
  });

  it('the programs whose modules the chosen tests import, directly or through others', async () => {
    expect(await neededBy('test/src/rolling/rolling.test.ts')).toEqual(['redis-server', 'haproxy']);
    const two = ['test/src/k8s/network.test.ts', 'test/src/monitoring/rules.test.ts'];
    expect(await neededBy(...two)).toEqual(['promtool', expect.stringMatching(/^kustomize 5/)]);
  });
});

it('each pattern of the tests that run on PostgreSQL 15 or in a long run matches a test', async () => {
  const patterns =
    await linesOf(`import { LONG_TESTS, ON_POSTGRES_15 } from './test/programs/chosen-tests.mjs';
    for (const pattern of [...LONG_TESTS, ...ON_POSTGRES_15]) console.log(pattern);`);
  expect(patterns.length).toBeGreaterThan(10);
  const tests = (await sourcesOfTests()).filter((path) => path.endsWith('.test.ts'));
  expect(patterns.filter((pattern) => !tests.some((path) => path.includes(pattern)))).toEqual([]);
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
  return sources.flat().filter((path) => /\.test\.ts$|\/src\/test\/.*\.ts$|^test\/src\/.*\.ts$/.test(path));
}

/** The name of a program in /usr/sbin; which ones are installed depends on the system. */
async function findSystemProgram(): Promise<string> {
  for (const name of await readdir('/usr/sbin')) {
    const isExecutable = await access(join('/usr/sbin', name), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isExecutable) return name;
  }
  throw new Error('/usr/sbin has no program');
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

  it('is run only by its module in test/programs/test-programs.mjs, from which npm test knows the tests that need it', async () => {
    const runBy = await linesOf(`import { TEST_PROGRAMS } from './test/programs/test-programs.mjs';
      for (const { runBy } of TEST_PROGRAMS) console.log(runBy);`);
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
    const program = await findSystemProgram();
    const code = `import { spawnSync } from 'node:child_process';
      import { ensurePrograms } from './test/programs/install-programs.mjs';
      const find = () => spawnSync('/bin/sh', ['-c', 'command -v ${program}'], { encoding: 'utf8' }).stdout.trim();
      console.log(find() === '' ? 'not found' : 'found');
      await ensurePrograms([{ name: '${program}', debian: 'none' }]);
      console.log(find());`;
    expect(await linesOf(code, { PATH: '/nowhere' })).toEqual(['not found', `/usr/sbin/${program}`]);
  });
});

describe('a missing program', () => {
  /** What npm test does about three missing programs of two packages. `installed` is what apt-get makes available. */
  const ensure = async ({ isRoot = true, answer = '' as '' | 'yes' | 'no', installed = true }) => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-programs-'));
    const code = `import { appendFileSync } from 'node:fs';
      import { ensurePrograms } from './test/programs/install-programs.mjs';
      let isInstalled = false;
      const find = async () => isInstalled;
      const programs = [['one', 'first'], ['two', 'second'], ['three', 'second']].map(([name, debian]) => ({ name, debian, find }));
      await ensurePrograms(programs, {
        isRoot: () => ${isRoot},
        hasTerminal: () => ${answer !== ''},
        askQuestion: async (question) => (console.log(question), ${answer === 'yes'}),
        installPackages: async (names) => (console.log('installs ' + names), (isInstalled = ${installed})),
      }).catch((error) => console.log(error.message));`;
    try {
      await writeFile(join(folder, 'apt-get'), '#!/bin/sh\n', { mode: 0o755 });
      return await linesOf(code, { PATH: folder });
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  const missing = [
    'The chosen tests need programs that are not installed: one, two, three.',
    'Install them, for example with: apt-get install first second',
    expect.stringContaining('npm test -- PATH'),
  ];

  it('is installed by root without a question where no person watches, all packages in one call', async () => {
    expect(await ensure({})).toEqual(['installs first,second']);
  });

  it('is installed by root in a terminal when the answer to the one question is yes', async () => {
    const question = 'Install first, second with apt-get? [Y/n] ';
    expect(await ensure({ answer: 'yes' })).toEqual([question, 'installs first,second']);
    expect(await ensure({ answer: 'no' })).toEqual([question, ...missing]);
  });

  it('is named with its package for an ordinary user, who installs it', async () => {
    expect(await ensure({ isRoot: false })).toEqual(missing);
    expect(await ensure({ isRoot: false, answer: 'yes' })).toEqual(missing);
  });

  it('is an error when the package has not brought it', async () => {
    const [, first] = await ensure({ installed: false });
    expect(first).toBe(`${missing[0]} They are still missing after apt-get install.`);
  });

  it('is installed by one apt-get call for all packages, which starts no service', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-apt-'));
    try {
      const log = join(folder, 'calls');
      // A package's script calls invoke-rc.d and deb-systemd-invoke by their names, with the PATH that dpkg gives it.
      await writeFile(
        join(folder, 'apt-get'),
        `#!/bin/sh
        echo "$1" >>${log}
        for option; do case $option in DPkg::Path=*) PATH=\${option#*=} ;; esac; done
        [ "$1" = update ] || { invoke-rc.d redis-server start; deb-systemd-invoke start redis-server.service; command -v invoke-rc.d >>${log}; }
        `,
        { mode: 0o755 },
      );
      const code = `import { ensurePrograms } from './test/programs/install-programs.mjs';
        process.getuid = () => 0;
        let looks = 0;
        const program = (debian) => ({ name: debian, debian, find: async () => (looks += 1) > 2 });
        await ensurePrograms([program('first'), program('second')]);`;
      const [line] = await linesOf(code, { ...process.env, PATH: `${folder}:${process.env['PATH']}` });
      expect(line).toMatch(/^ {2}installing first, second: /);
      const stub = join(ROOT, 'test/programs/no-services/invoke-rc.d');
      expect((await readFile(log, 'utf8')).trim().split('\n')).toEqual(['update', 'install', stub]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
