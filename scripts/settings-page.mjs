// Writes docs/settings.md and .env.example from the tables of settings; with `--check` it only
// checks that they are up to date.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCommandLineOrExit } from '../local/src/command-line/command-line.js';
import { ROOT } from '../local/src/root.js';
import { renderEnvExample, renderSettingsPage } from '../local/src/settings/settings-page.ts';

const { values } = readCommandLineOrExit('settings');
const files = { 'docs/settings.md': await renderSettingsPage(), '.env.example': await renderEnvExample() };

for (const [path, content] of Object.entries(files)) {
  const target = join(ROOT, path);
  if (!values.check) {
    await writeFile(target, content);
    console.log(`wrote ${path}`);
  } else if ((await readFile(target, 'utf8').catch(() => '')) !== content) {
    console.error(`out of date: ${path}; run npm run settings`);
    process.exitCode = 1;
  }
}
