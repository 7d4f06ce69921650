// `npm run keys:rotate [-- --file FILE]`: adds a new signing key to the old ones, in FILE or else in the file of the
// local stack.
import { resolve } from 'node:path';
import { readCommandLineOrExit } from '../command-line/command-line.js';
import { signingKeysFile } from '../settings/secrets.ts';
import { readDataDir } from '../settings/settings.ts';
import { runCommand, runUsersProgram } from './users-program.ts';

await runCommand('keys:rotate', async () => {
  const { values } = readCommandLineOrExit('keys:rotate');
  const file = values.file === undefined ? signingKeysFile(readDataDir(process.env)) : resolve(values.file);
  return runUsersProgram('rotate-keys.ts', [file]);
});
