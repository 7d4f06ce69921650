// `npm test`: sets up, installs programs that the tests need, then checks lint and format, types and generated files, and runs every
// test. With a path or a pattern, `npm test -- roles`, it runs only the matching tests. With `--long --minutes N` it repeats each race,
// model and crash test for that time.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { readCommandLineOrExit } from '../local/src/command-line/command-line.js';
import { ROOT } from '../local/src/root.js';
import { runMain, setUp } from '../local/src/setup/set-up.mjs';
import { node, StepFailed } from '../local/src/setup/steps.mjs';
import { LONG_TESTS, ON_POSTGRES_15 } from '../test/programs/chosen-tests.mjs';
import { ensurePrograms } from '../test/programs/install-programs.mjs';
import { POSTGRES_15, withPostgres15 } from '../test/programs/postgres-15.mjs';
import { programsNeededBy } from '../test/programs/test-programs.mjs';

const JEST = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
];

// package.json passes `--long` for `npm run test:long`.
const long = process.argv[2] === '--long';
const { values, rest } = readCommandLineOrExit(long ? 'test:long' : 'test', process.argv.slice(long ? 3 : 2));

await runMain(async () => {
  const started = performance.now();
  const done = [];
  const step = async (name, work) => {
    const from = performance.now();
    console.log(`\n── ${name}`);
    try {
      await work();
      done.push(`${name} ${secondsSince(from)}`);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      console.error(`\n${error.message}`);
      throw new StepFailed(
        `FAILED: ${name} after ${secondsSince(from)}${done.length > 0 ? `; passed: ${done.join(', ')}` : ''}`,
      );
    }
  };

  const isWhole = !long && rest.length === 0;
  const chosen = [...(long ? LONG_TESTS : []), ...rest.map(pathFromRoot)];
  await step('set-up', async () => {
    // The supergraph stays as it is, because the check of drift compares it with the schemas.
    await setUp({ steps: ['prismaClient', 'resolverTypes', 'operations', 'pages'] });
    const needed = await programsNeededBy(await listTests(chosen));
    await ensurePrograms(isWhole ? [...needed, POSTGRES_15] : needed);
  });
  if (isWhole) {
    await step('lint and format', () => node([biome(), 'ci', '.'], { show: true }));
    await step('types', async () => {
      await node(['node_modules/typescript/bin/tsc'], { show: true });
      await node(['node_modules/typescript/bin/tsc', '-p', 'web'], { show: true });
    });
    await step('drift', async () => {
      await node(['scripts/compose.mjs', '--check'], { show: true });
      await node(['scripts/settings-page.mjs', '--check'], { show: true });
      await node(['scripts/order-states.mjs', '--check'], { show: true });
      await node(['scripts/licences.mjs', '--check'], { show: true });
    });
  }
  const env = long ? { LONG_MINUTES: String(values.minutes ?? 10) } : {};
  await step('tests', () => node([...JEST, ...chosen], { show: true, env }));
  if (isWhole)
    await step('tests on PostgreSQL 15', () =>
      withPostgres15((DATABASE_URL) =>
        node([...JEST, ...ON_POSTGRES_15], { show: true, env: { DATABASE_URL } }),
      ),
    );
  console.log(`\nPASSED in ${secondsSince(started)}: ${done.join(', ')}`);
});

/** Jest matches paths from the root; a user may give a path from the current folder. */
function pathFromRoot(argument) {
  if (argument.startsWith('-')) return argument;
  const path = resolve(ROOT, argument);
  return existsSync(path) ? relative(ROOT, path) : argument;
}

/** The files of the tests that Jest would run with these arguments. Throws StepFailed. */
async function listTests(chosen) {
  const args = [...JEST, '--listTests', '--json', ...chosen];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT }).catch((error) => {
    throw new StepFailed(error.stderr || error.message);
  });
  return JSON.parse(stdout);
}

function biome() {
  const path = 'node_modules/@biomejs/biome/bin/biome';
  if (!existsSync(join(ROOT, path)))
    throw new StepFailed(`${path} is missing; delete node_modules and try again`);
  return path;
}

function secondsSince(from) {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}
