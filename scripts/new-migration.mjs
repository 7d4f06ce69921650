// `npm run db:migration -- NAME`: generates the Prisma client, then runs the command (src/new-migration.ts). The Prisma schema
// has just changed, so the rest of the code may not fit it yet: nothing else is set up.
import { generateClient, runMain } from './setup.mjs';
import { commandLine } from './src/command-line.js';

commandLine('db:migration');

await runMain(async () => {
  await generateClient();
  await import('./src/new-migration.ts');
});
