// What test runs that were killed have left in the folder for temporary files.
import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from '@holdfast/local/processes/processes';

/**
 * The folders of this user whose names are `prefix`, the id of a process that is gone, and perhaps more. Those of other
 * users are left to them, because only root could remove them.
 */
export async function abandonedFolders(prefix: string): Promise<string[]> {
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
