// Sets up what is missing, then runs the program of a command (src/commands.js) with the settings of `.env`:
// `node scripts/run.mjs db:migrate`. The command line is looked at first, because the set-up may take minutes.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readEnvFile } from './env-file.mjs';
import { runMain, setUp } from './setup.mjs';
import { commandLine } from './src/command-line.js';
import { COMMANDS } from './src/commands.js';
import { ROOT } from './steps.mjs';

const name = process.argv[2];
commandLine(name, process.argv.slice(3));
await runMain(async () => {
  readEnvFile();
  await setUp();
  const program = join(ROOT, COMMANDS[name].program);
  process.argv.splice(1, 2, program);
  await import(pathToFileURL(program).href);
});
