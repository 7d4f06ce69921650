// A file exists, does not exist, or cannot be read. Only a file that does not exist may be created.
import { lstat, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, unlessAbsent } from './error-code.js';

/** The text of a file; undefined when the file does not exist. Throws when it cannot be read. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(unlessAbsent);
}

/** Whether `path` exists, also as a link whose target is absent. Throws when the system cannot tell. */
export async function isPresent(path: string): Promise<boolean> {
  return (await lstat(path).catch(unlessAbsent)) !== undefined;
}

/** Whether `path` is a folder, or a link to one. Throws when the system cannot tell. */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(unlessAbsent))?.isDirectory() ?? false;
}

/** Whether an error means that a disk or a quota is full. */
const isDiskFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '');

/** Writes a file that only its owner can read. The file is complete or absent, also after a loss of power. */
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

/** Flushes the entries of a folder to the disk, so that created and renamed files survive a loss of power. */
export async function flushFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
