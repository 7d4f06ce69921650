// The repository's folder and what is in it.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '');
const SKIPPED_FOLDERS = new Set(['node_modules', 'generated', 'dist']);

/** `path` itself, or the files in the folder `path`; none when there is no such thing. */
export async function filesUnder(path, skipped = SKIPPED_FOLDERS) {
  const entries = await entriesOf(path);
  if (entries === undefined) return [path];
  const nested = entries
    .filter((entry) => !(entry.isDirectory() && skipped.has(entry.name)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) =>
      entry.isDirectory() ? filesUnder(join(path, entry.name), skipped) : [join(path, entry.name)],
    );
  return (await Promise.all(nested)).flat();
}

/** What is in a folder, nothing when there is no such thing; undefined when it is a file. */
async function entriesOf(path) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOTDIR') return undefined;
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}
