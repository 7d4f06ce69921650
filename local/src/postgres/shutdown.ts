// Ends a PostgreSQL server by its pid: in order when it obeys, and with all of its processes when it does not.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../error-code.js';
import type { EndingStep } from '../processes/guarded-process.js';
import { childrenOf, commandOf, isRunning, waitUntilGone } from '../processes/processes.js';
import { readPidFile } from './pid-file.ts';

const FAST_SHUTDOWN_MS = 20_000;
const CHILDREN_GONE_MS = 5_000;

/**
 * How a server is ended whose owner is gone: fast shutdown, immediate shutdown, kill. In an immediate shutdown the server
 * itself kills those of its processes that are still there after 5 s.
 */
export const ENDING: readonly EndingStep[] = [
  ['SIGINT', FAST_SHUTDOWN_MS],
  ['SIGQUIT', 2 * CHILDREN_GONE_MS],
  ['SIGKILL', CHILDREN_GONE_MS],
];

/** Open transactions are rolled back, everything is on disk; a server that does not obey is killed. */
export async function shutDown(pid: number): Promise<void> {
  const children = await childrenOf(pid);
  signal(pid, 'SIGINT');
  if (await waitUntilGone([pid], FAST_SHUTDOWN_MS)) return;
  signal(pid, 'SIGQUIT');
  if (!(await waitUntilGone([pid, ...children], CHILDREN_GONE_MS))) await killWithChildren(pid);
}

/** SIGKILLs the postmaster and waits until its children are gone. */
export async function killWithChildren(pid: number): Promise<void> {
  const children = await childrenOf(pid);
  signal(pid, 'SIGKILL');
  if (await waitUntilGone([pid, ...children], CHILDREN_GONE_MS)) return;
  // A backend in the middle of a long statement does not notice that its postmaster is gone.
  for (const child of children) signal(child, 'SIGKILL');
  await waitUntilGone(children, CHILDREN_GONE_MS);
}

/** A server whose owner was killed may still run on `cluster`: end it properly. A stale pid file is no server. */
export async function stopOrphan(cluster: string, onLog: (line: string) => void): Promise<void> {
  const file = await readPidFile(cluster);
  if (file === undefined || !(await isRunning(file.pid))) return;
  if ((await commandOf(file.pid)).includes(cluster)) {
    onLog(`LOG:  stopping the PostgreSQL server that a killed process left running (pid ${file.pid})`);
    await shutDown(file.pid);
  } else {
    // The pid has since gone to another program, which PostgreSQL could take for a server. Shared memory still
    // guards the cluster against a server that is really there.
    await rm(join(cluster, 'postmaster.pid'), { force: true });
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}
