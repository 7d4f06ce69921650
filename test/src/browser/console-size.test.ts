// What makes the console appear fast: its scripts are small, and its page shows a first text without them.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';

/** All scripts of the console together, compressed. */
const MAX_SCRIPT_BYTES = 250_000;
const WEB = join(import.meta.dirname, '../../../web');
const DIST = join(WEB, 'dist');

it('all scripts of the console together are small', async () => {
  const scripts = await listScripts('console.html');
  // Each page of the console has its own script.
  const routes = await readFile(join(WEB, 'src/console/routes.tsx'), 'utf8');
  const pages = [...routes.matchAll(/import\('\.\/.*\/(.+)\.tsx'\)/g)].map(([, name]) => name);
  expect(pages.length).toBeGreaterThan(0);
  for (const page of pages)
    expect([...scripts].filter((file) => file.startsWith(`${page}-`))).not.toEqual([]);

  for (const encoding of ['br', 'gz']) {
    const sizes = await Promise.all(
      [...scripts].map(async (file) => (await stat(join(DIST, `${file}.${encoding}`))).size),
    );
    expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(MAX_SCRIPT_BYTES);
  }
});

it('the page shows its header before a script runs', async () => {
  const page = await readFile(join(DIST, 'console.html'), 'utf8');
  expect(page).toMatch(/<header [^>]*>.*Holdfast.*<\/header>/);
  const scripts = page.match(/<script.*?<\/script>/gs) ?? [];
  expect(scripts).not.toEqual([]);
  // The browser defers a module, so that it does not delay the first paint. The element has no inline script.
  for (const script of scripts)
    expect(script).toMatch(/^<script type="module" (crossorigin )?src="[^"]+"><\/script>$/);
});

/** Lists the scripts that a file imports, directly or through other scripts. */
async function listScripts(file: string, found = new Set<string>()): Promise<Set<string>> {
  const text = await readFile(join(DIST, file), 'utf8');
  // As in `import"./a-1x.js"`, `import("./a-1x.js")`, `from"./a-1x.js"` and `src="/assets/a-1x.js"`.
  for (const [, name = ''] of text.matchAll(/["'`](?:\.|\/assets)\/([\w.-]+\.js)["'`]/g)) {
    if (found.has(name)) continue;
    found.add(name);
    await listScripts(name, found);
  }
  return found;
}
