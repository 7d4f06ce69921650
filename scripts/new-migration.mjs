// `npm run db:migration -- NAME`: builds what the command runs, then runs it (src/new-migration.ts).
import { runMain, setUp } from './setup.mjs';

await runMain(async () => {
  // The types are not checked, because the Prisma schema has just changed: what uses it is adapted after the migration.
  await setUp({ projects: ['prisma', 'scripts'], checkTypes: false });
  await import('./dist/new-migration.js');
});
