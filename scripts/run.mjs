// Sets up what is missing, then runs a built program with the rest of the arguments:
// `node scripts/run.mjs prisma/dist/cli.js`.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ALL_PROJECTS, runMain, setUp } from './setup.mjs';
import { ROOT } from './steps.mjs';

await runMain(async () => {
  const name = process.argv[2] ?? '';
  // The benchmarks are built with the tests.
  await setUp(name.startsWith('test/') ? { projects: ALL_PROJECTS } : {});
  const program = join(ROOT, name);
  process.argv.splice(1, 2, program);
  await import(pathToFileURL(program).href);
});
