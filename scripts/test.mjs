// `npm test`: sets up, installs programs that the tests need, then checks lint and format, types and generated files, and runs every
// test. With a path or a pattern, `npm test -- roles`, it runs only the matching tests. With `--long --minutes N` it repeats each race,
// model and crash test for that time.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
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

const CHECKS = [
  ['node_modules/@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', '.'],
  ['node_modules/typescript/bin/tsc'],
  ['node_modules/typescript/bin/tsc', '-p', 'web'],
  ['scripts/compose.mjs', '--check'],
  ['scripts/settings-page.mjs', '--check'],
  ['scripts/order-states.mjs', '--check'],
  ['scripts/licences.mjs', '--check'],
];

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
    await step('lint, format, types and generated files', () =>
      runAll(CHECKS.map((args) => () => node(args))),
    );
  }
  const env = long ? { LONG_MINUTES: String(values.minutes ?? 10) } : {};
  const tests = () => node([...JEST, ...chosen], { show: true, env });
  await step('tests', () => (isWhole ? runAll([tests, testOnPostgres15]) : tests()));
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

/** Starts all of them at once and waits until all have ended, so that each reports its failure. Throws StepFailed. */
async function runAll(works) {
  const results = await Promise.allSettled(works.map((work) => work()));
  const reasons = results.flatMap(({ status, reason }) => (status === 'rejected' ? [reason] : []));
  if (reasons.length === 0) return;
  throw (
    reasons.find((reason) => !(reason instanceof StepFailed)) ??
    new StepFailed(reasons.map(({ message }) => message).join('\n'))
  );
}

/** One worker is enough, because these tests take a fraction of the time of all. */
async function testOnPostgres15() {
  await withPostgres15(async (DATABASE_URL) => {
    const output = await node([...JEST, '--maxWorkers=1', ...ON_POSTGRES_15], { env: { DATABASE_URL } });
    console.log(`\n── tests on PostgreSQL 15\n${output}`);
  });
}

function secondsSince(from) {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}
