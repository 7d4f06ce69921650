// Writes the generated part of a page, between two marks.
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ROOT } from '../local/src/root.js';

/**
 * Writes the lines into the part of the page that belongs to the running script. With `--check` it only compares them, and sets the
 * exit code. Throws when the page has no such part.
 */
export async function writePart(page, lines) {
  const script = `scripts/${basename(process.argv[1])}`;
  const [begin, end] = [`<!-- begin: node ${script} -->\n`, '<!-- end -->'];
  const path = join(ROOT, page);
  const current = await readFile(path, 'utf8');
  const [before, rest] = current.split(begin);
  const after = rest?.split(end).slice(1).join(end);
  if (!after) throw new Error(`${page} has no part between "${begin.trim()}" and "${end}"`);
  const wanted = `${before}${begin}${lines.join('\n')}\n${end}${after}`;
  if (wanted === current) return;
  if (process.argv.includes('--check')) {
    console.error(`out of date: ${page}; run node ${script}`);
    process.exitCode = 1;
  } else await writeFile(path, wanted);
}
