// `npm start`: sets up what is missing, then runs the whole system (src/start.ts).
import { runMain, setUp } from './setup.mjs';

await runMain(async () => {
  await setUp();
  await import('./dist/start.js');
});
