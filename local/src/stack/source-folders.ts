// Watches the files under folders. It watches each folder separately, because `fs.watch` with `recursive` watches single files on
// Linux and does not notice a file that replaces another, as editors do when they save.
import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../error-code.js';

const SKIPPED = new Set(['node_modules', 'generated']);

export type SourceFolders = { close(): void };

/** Calls `changed` with the path of each file under `roots` that is written, made, renamed or deleted, possibly several times. */
export function watchFolders(roots: readonly string[], changed: (path: string) => void): SourceFolders {
  const watchers = new Map<string, FSWatcher>();
  /** Watches a folder, which may replace a deleted one. */
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

/** The names in a folder; undefined when `path` is a file or does not exist. */
function listNames(path: string): string[] | undefined {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR' || errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
