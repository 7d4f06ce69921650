// Watches the files under folders. Each folder is watched for itself: with its `recursive` option, `fs.watch` of Linux
// watches files, and no longer sees a file that an editor has replaced by a new one.
import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../error-code.js';

const SKIPPED = new Set(['node_modules', 'generated']);

export type SourceFolders = { close(): void };

/** Calls `changed` with the path of each file under `roots` that is written, made, renamed or deleted; several times perhaps. */
export function watchFolders(roots: readonly string[], changed: (path: string) => void): SourceFolders {
  const watchers = new Map<string, FSWatcher>();
  /** Watches a folder, also one that takes the place of one that was deleted. */
  const add = (folder: string, names: readonly string[], found: (path: string) => void) => {
    watchers.get(folder)?.close();
    const watcher = watch(
      folder,
      (_event, name) => name !== null && visit(join(folder, name), name, changed),
    );
    watchers.set(folder, watcher);
    for (const name of names) visit(join(folder, name), name, found);
  };
  const visit = (path: string, name: string, found: (path: string) => void) => {
    if (SKIPPED.has(name)) return;
    const names = listNames(path);
    if (names === undefined) found(path);
    else add(path, names, found);
  };
  for (const root of roots) add(root, readdirSync(root), () => undefined);
  return {
    close: () => {
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}

/** What is in a folder; undefined when `path` is a file, or gone. */
function listNames(path: string): string[] | undefined {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR' || errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
