// The memory and CPU time of a process, as Linux counts them.
import { readdir, readFile } from 'node:fs/promises';

/** Reads the resident memory of a process, bytes. */
export async function readResidentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}

/**
 * Reads the CPU time of the threads of a process, ms, precise to the microsecond. It does not depend on the load of the machine. A thread
 * that has ended no longer counts; those of a service end with it.
 */
export async function readCpuMs(pid: number | undefined): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const each = await Promise.all(threads.map((thread) => readThreadCpuMs(pid, thread).catch(() => 0)));
  return each.reduce((sum, ms) => sum + ms, 0);
}

/** Reads the CPU time of the main thread alone, ms, precise to the microsecond. */
export const readMainThreadCpuMs = (pid: number | undefined): Promise<number> => readThreadCpuMs(pid, pid);

async function readThreadCpuMs(
  pid: number | undefined,
  thread: number | string | undefined,
): Promise<number> {
  const [nanoseconds] = (await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')).split(' ');
  return Number(nanoseconds) / 1_000_000;
}
