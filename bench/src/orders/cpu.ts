// The CPU time of all processes that have a part in an order, as Linux counts it.
import { readFile } from 'node:fs/promises';
import { readCpuMs } from '@holdfast/test/src/support/process-usage.ts';

/** By the name of the process, ms. */
export type CpuTimes = Readonly<Record<string, number>>;

const MS_PER_TICK = 10;

/** Of a server of PostgreSQL: of the postmaster, its children, and those that have ended. */
async function postgresCpuMs(postmaster: number): Promise<number> {
  const stat = await readFile(`/proc/${postmaster}/stat`, 'utf8');
  // Own user and system time, then those of the children that were waited for, are the 14th to the 17th field.
  const ticks = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15);
  const ended = ticks.reduce((sum, each) => sum + Number(each) * MS_PER_TICK, 0);
  const children = (await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8'))
    .trim()
    .split(' ');
  const running = await Promise.all(children.map((pid) => readCpuMs(Number(pid)).catch(() => 0)));
  return running.reduce((sum, each) => sum + each, ended);
}

/** What each process has used so far. @param pids of the others, by name */
export async function cpuTimes(
  pids: Readonly<Record<string, number | undefined>>,
  postmaster: number,
): Promise<CpuTimes> {
  const services = await Promise.all(
    Object.entries(pids).map(async ([name, pid]) => [name, await readCpuMs(pid)] as const),
  );
  return { ...Object.fromEntries(services), PostgreSQL: await postgresCpuMs(postmaster) };
}

/** What was used between the two, for each of `count`. */
export const cpuEach = (before: CpuTimes, after: CpuTimes, count: number): CpuTimes =>
  Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, (ms - (before[name] ?? 0)) / count]));
