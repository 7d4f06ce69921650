// Files that are there, are not there, or cannot be read: three cases, and only the second may be filled in.
import { lstat, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { unlessAbsent } from './error-code.js';
import { isDiskFull } from './postgres/disk-space.ts';

/** The text of a file; undefined when there is none. Throws when it cannot be read. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(unlessAbsent);
}

/** Whether there is something at `path`, be it a link to nowhere. Throws when that cannot be told. */
export async function isPresent(path: string): Promise<boolean> {
  return (await lstat(path).catch(unlessAbsent)) !== undefined;
}

/** Whether there is a folder at `path`, or a link to one. Throws when that cannot be told. */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(unlessAbsent))?.isDirectory() ?? false;
}

/** Writes a file for its owner only. It is whole or not there, after a loss of power as well. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${process.pid}`;
  try {
    await writeFile(unfinished, text, { mode: 0o600, flush: true });
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    if (isDiskFull(error)) throw new Error(`${path} cannot be written: the disk is full`, { cause: error });
    throw error;
  }
  await flushFolder(dirname(path));
}

/** Puts what was created or renamed in a folder on the disk. */
export async function flushFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
