// Finds the files that killed test runs have left in the folder for temporary files.
import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from '@holdfast/local/processes/processes';

/**
 * Lists the folders of this user whose names begin with `prefix` and the id of a process that has ended. Folders of other users are left
 * out, because only root can remove them.
 */
export async function listAbandonedFolders(prefix: string): Promise<string[]> {
  const folders: string[] = [];
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(prefix) ? /^\d+(?=-|$)/.exec(name.slice(prefix.length))?.[0] : undefined;
    if (pid === undefined || (await isRunning(Number(pid)))) continue;
    const path = join(tmpdir(), name);
    if ((await ownerOf(path)) === process.getuid?.()) folders.push(path);
  }
  return folders;
}

/** Undefined when another test run has just removed it. */
async function ownerOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).uid;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
