// The files in a folder, without packages and generated code.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../error-code.js';

const SKIPPED_FOLDERS = new Set(['node_modules', 'generated', 'dist']);

/**
 * `path` itself when it is a file, or all files in the folder `path`; none when `path` does not exist.
 * @param {string} path
 * @returns {Promise<string[]>}
 */
export async function filesUnder(path, skipped = SKIPPED_FOLDERS) {
  const entries = await readEntries(path);
  if (entries === undefined) return [path];
  const nested = entries
    .filter((entry) => !(entry.isDirectory() && skipped.has(entry.name)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) =>
      entry.isDirectory() ? filesUnder(join(path, entry.name), skipped) : [join(path, entry.name)],
    );
  return (await Promise.all(nested)).flat();
}

/**
 * The entries of a folder; none when it does not exist, and undefined when `path` is a file.
 * @param {string} path
 */
async function readEntries(path) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return undefined;
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
