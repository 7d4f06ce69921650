// Reports a full disk before PostgreSQL fails on it.
import { statfs } from 'node:fs/promises';

const MB = 1024 * 1024;
/** PostgreSQL writes its write-ahead log in files of 16 MB, and needs a few of them to start, work and recover. */
const NEEDED_MB = 64;

/** Throws with one line when the disk that holds `folder` has too little space for a database. */
export async function refuseFullDisk(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeMb = Math.floor((bavail * bsize) / MB);
  if (freeMb < NEEDED_MB) {
    throw new Error(
      `the disk that holds ${folder} is full: ${freeMb} MB are free, and PostgreSQL needs ${NEEDED_MB} MB to work; free some space, or set DATA_DIR to a folder on another disk`,
    );
  }
}
