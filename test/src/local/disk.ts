// Small disks in memory, which only root can mount.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '@holdfast/local/error-code';

const CHUNK = Buffer.alloc(64 * 1024);

/** Mounts an empty disk, and returns its folder. */
export function mount(sizeMb: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-disk-'));
  try {
    const options = `size=${sizeMb}m,mode=755`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  return folder;
}

export function unmount(folder: string): void {
  // Lazily, because a process that is about to end may still have a file open.
  execFileSync('umount', ['-l', folder]);
  rmSync(folder, { recursive: true });
}

export function canMount(): boolean {
  try {
    unmount(mount(1));
    return true;
  } catch {
    return false;
  }
}

/** Fills a disk. Resolves with a function that frees the room. */
export async function fill(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'fill');
  const file = await open(path, 'w');
  try {
    for (;;) await file.write(CHUNK);
  } catch (error) {
    if (errorCode(error) !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
  return () => rm(path);
}
