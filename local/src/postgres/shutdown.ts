// Ends a PostgreSQL server by its pid: by a shutdown, or when that fails by killing all its processes.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../error-code.js';
import type { EndingStep } from '../processes/guarded-process.js';
import { childrenOf, commandOf, isRunning, waitUntilGone } from '../processes/processes.js';
import { readPidFile } from './pid-file.ts';

const FAST_SHUTDOWN_MS = 20_000;
const CHILDREN_GONE_MS = 5_000;

/**
 * The signals that end a server whose owner has ended: fast shutdown, immediate shutdown, kill. In an immediate shutdown the server
 * itself kills its remaining processes after 5 s.
 */
export const ENDING: readonly EndingStep[] = [
  ['SIGINT', FAST_SHUTDOWN_MS],
  ['SIGQUIT', 2 * CHILDREN_GONE_MS],
  ['SIGKILL', CHILDREN_GONE_MS],
];

/** Fast shutdown: rolls open transactions back and writes all data to the disk. Kills a server that does not end. */
export async function shutDown(pid: number): Promise<void> {
  const children = await childrenOf(pid);
  signal(pid, 'SIGINT');
  if (await waitUntilGone([pid], FAST_SHUTDOWN_MS)) return;
  signal(pid, 'SIGQUIT');
  if (!(await waitUntilGone([pid, ...children], CHILDREN_GONE_MS))) await killWithChildren(pid);
}

/** SIGKILLs the postmaster and waits until its children have ended. */
export async function killWithChildren(pid: number): Promise<void> {
  const children = await childrenOf(pid);
  signal(pid, 'SIGKILL');
  if (await waitUntilGone([pid, ...children], CHILDREN_GONE_MS)) return;
  // A backend that runs a long statement does not notice the end of its postmaster.
  for (const child of children) signal(child, 'SIGKILL');
  await waitUntilGone(children, CHILDREN_GONE_MS);
}

/** Ends a server that still runs on `cluster` although its owner was killed. Removes a stale pid file. */
export async function stopOrphan(cluster: string, onLog: (line: string) => void): Promise<void> {
  const file = await readPidFile(cluster);
  if (file === undefined || !(await isRunning(file.pid))) return;
  if ((await commandOf(file.pid)).includes(cluster)) {
    onLog(`LOG:  stopping the PostgreSQL server that a killed process left running (pid ${file.pid})`);
    await shutDown(file.pid);
  } else {
    // Another program has that pid now, and PostgreSQL could take it for a server. Should a server run all the same, its shared
    // memory still protects the cluster.
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
