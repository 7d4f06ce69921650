// `npm run setup`: makes a clone ready to run. `npm start` and `npm test` do so too.
import { readCommandLineOrExit } from '../local/src/command-line/command-line.js';
import { runMain, setUp } from '../local/src/setup/set-up.mjs';

readCommandLineOrExit('setup');
await runMain(() => setUp());
