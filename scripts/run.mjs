// Sets up what is missing, then runs the program of a command (src/commands.js) with the settings of `.env`:
// `node scripts/run.mjs db:migrate`. The command line is looked at first, because the set-up may take minutes.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { commandLine } from '../local/src/command-line/command-line.js';
import { COMMANDS } from '../local/src/command-line/commands.js';
import { readEnvFile } from '../local/src/setup/env-file.mjs';
import { ROOT } from '../local/src/setup/steps.mjs';
import { runMain, setUp } from './setup.mjs';

const name = process.argv[2];
commandLine(name, process.argv.slice(3));
await runMain(async () => {
  readEnvFile();
  await setUp();
  const program = join(ROOT, COMMANDS[name].program);
  process.argv.splice(1, 2, program);
  await import(pathToFileURL(program).href);
});
