// The CPU time of all processes that take part in an order, as Linux counts it.
import { readFile } from 'node:fs/promises';
import { readCpuMs } from '@holdfast/test/src/support/process-usage.ts';

/** Milliseconds by the name of the process. */
export type CpuTimes = Readonly<Record<string, number>>;

const MS_PER_TICK = 10;

/** The CPU time of a PostgreSQL server: of the postmaster, its children, and its ended children. */
async function readPostgresCpuMs(postmaster: number): Promise<number> {
  const stat = await readFile(`/proc/${postmaster}/stat`, 'utf8');
  // Fields 14 to 17: user and system time of the process, then of its ended children.
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

/** Reads the CPU time of each process. @param pids of the services, by name */
export async function readCpuTimes(
  pids: Readonly<Record<string, number | undefined>>,
  postmaster: number,
): Promise<CpuTimes> {
  const services = await Promise.all(
    Object.entries(pids).map(async ([name, pid]) => [name, await readCpuMs(pid)] as const),
  );
  return { ...Object.fromEntries(services), PostgreSQL: await readPostgresCpuMs(postmaster) };
}

/** The CPU time between two readings, divided by `count`. */
export const cpuEach = (before: CpuTimes, after: CpuTimes, count: number): CpuTimes =>
  Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, (ms - (before[name] ?? 0)) / count]));
