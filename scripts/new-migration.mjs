// `npm run db:migration -- NAME`: generates the Prisma client, then runs the command (src/new-migration.ts). The Prisma schema
// has just changed, so the rest of the code may not fit it yet: nothing else is set up.

import { commandLine } from '../local/src/command-line/command-line.js';
import { generateClient, runMain } from './setup.mjs';

commandLine('db:migration');

await runMain(async () => {
  await generateClient();
  await import('../local/src/programs/new-migration.ts');
});
