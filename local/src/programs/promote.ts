// `npm run users:promote -- NAME`: makes an account staff, in the database of DATABASE_URL or else of the running `npm start`.
import { readCommandLineOrExit } from '../command-line/command-line.js';
import { readDataDir } from '../settings/settings.ts';
import { findUsersDatabaseUrl } from '../stack/local-stack.ts';
import { runCommand, runUsersProgram } from './users-program.ts';

await runCommand('users:promote', async () => {
  const url = process.env['DATABASE_URL'] || (await findUsersDatabaseUrl(readDataDir(process.env)));
  return runUsersProgram('promote.ts', readCommandLineOrExit('users:promote').positionals, {
    DATABASE_URL: url,
  });
});
