// Writes docs/settings.md from the tables of settings; `--check` only says whether it is what they give.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { settingsPage } from './src/settings-page.ts';
import { ROOT } from './steps.mjs';

const PAGE = 'docs/settings.md';

const target = join(ROOT, PAGE);
const page = await settingsPage();
if (!process.argv.includes('--check')) await writeFile(target, page);
else if ((await readFile(target, 'utf8').catch(() => '')) !== page) {
  console.error(`out of date: ${PAGE}; run npm run settings`);
  process.exitCode = 1;
}
