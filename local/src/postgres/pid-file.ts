// The file in which a PostgreSQL server tells its process id and whether it takes connections.
import { join } from 'node:path';
import { readIfPresent } from '../files.ts';

/** `postmaster.pid` as the server writes it; undefined when there is none. */
export async function readPidFile(cluster: string): Promise<{ pid: number; status: string } | undefined> {
  const lines = (await readIfPresent(join(cluster, 'postmaster.pid')))?.split('\n');
  return lines && { pid: Number(lines[0]), status: lines[7]?.trim() ?? '' };
}
