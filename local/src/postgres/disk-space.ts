// Reports a full disk before PostgreSQL fails on it.
import { statfs } from 'node:fs/promises';
import { errorCode } from '../error-code.js';

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

/** Whether an error of the system, or of PostgreSQL (SQLSTATE 53100), means that a disk or a quota is full. */
export function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', '53100'].includes(errorCode(error) ?? '');
}
