// The file in which a PostgreSQL server writes its process id and whether it accepts connections.
import { join } from 'node:path';
import { readIfPresent } from '../files.ts';

/** `postmaster.pid` as the server writes it; undefined when it does not exist. */
export async function readPidFile(cluster: string): Promise<{ pid: number; status: string } | undefined> {
  const lines = (await readIfPresent(join(cluster, 'postmaster.pid')))?.split('\n');
  return lines && { pid: Number(lines[0]), status: lines[7]?.trim() ?? '' };
}
