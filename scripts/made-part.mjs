// The part of a page that a script makes, between two marks.
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ROOT } from '../local/src/setup/files.mjs';

/**
 * Writes the lines into the page's part of the script that runs; with `--check` only says whether they are there, and
 * sets the exit code. Throws when the page has no such part.
 */
export async function writePart(page, lines) {
  const script = `scripts/${basename(process.argv[1])}`;
  const [begin, end] = [`<!-- begin: node ${script} -->\n`, '<!-- end -->'];
  const path = join(ROOT, page);
  const present = await readFile(path, 'utf8');
  const [before, rest] = present.split(begin);
  const after = rest?.split(end).slice(1).join(end);
  if (!after) throw new Error(`${page} has no place between "${begin.trim()}" and "${end}"`);
  const wanted = `${before}${begin}${lines.join('\n')}\n${end}${after}`;
  if (wanted === present) return;
  if (process.argv.includes('--check')) {
    console.error(`out of date: ${page}; run node ${script}`);
    process.exitCode = 1;
  } else await writeFile(path, wanted);
}
