// Sets up what is missing, then runs a program with the settings of `.env` and the rest of the arguments:
// `node scripts/run.mjs prisma/src/cli.ts`.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readEnvFile } from './env-file.mjs';
import { runMain, setUp } from './setup.mjs';
import { ROOT } from './steps.mjs';

await runMain(async () => {
  readEnvFile();
  await setUp();
  const program = join(ROOT, process.argv[2] ?? '');
  process.argv.splice(1, 2, program);
  await import(pathToFileURL(program).href);
});
