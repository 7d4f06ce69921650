// Runs the program of a command (local/src/command-line/commands.js) with the settings of `.env`, for example
// `node scripts/run.mjs db:migrate`. The command line is checked first, because the set-up may take minutes.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readCommandLineOrExit } from '../local/src/command-line/command-line.js';
import { COMMANDS } from '../local/src/command-line/commands.js';
import { ROOT } from '../local/src/root.js';
import { readEnvFile } from '../local/src/setup/env-file.mjs';
import { runMain, setUp } from '../local/src/setup/set-up.mjs';

const name = process.argv[2];
readCommandLineOrExit(name, process.argv.slice(3));
await runMain(async () => {
  readEnvFile();
  const { program, steps } = COMMANDS[name];
  await setUp({ steps });
  const path = join(ROOT, program);
  process.argv.splice(1, 2, path);
  await import(pathToFileURL(path).href);
});
