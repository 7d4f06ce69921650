// What the operating system knows of processes that are not our children: alive or not, who, whose children.
// Linux is read from /proc, because slim images have no `ps`; elsewhere `ps` is asked.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const POLL_MS = 20;

type ProcessState = { ppid: number; zombie: boolean; startedAt: string };

/** Whether `pid` runs; a zombie that nobody has waited for does not. */
export async function isRunning(pid: number): Promise<boolean> {
  const state = await stateOf(pid);
  return state !== undefined && !state.zombie;
}

/** Something that tells this process from a later one with the same pid; undefined when it does not run. */
export async function incarnationOf(pid: number): Promise<string | undefined> {
  const state = await stateOf(pid);
  return state === undefined || state.zombie ? undefined : state.startedAt;
}

/** The command line of `pid`, '' when it does not run or may not be read. */
export async function commandOf(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim();
  }
  return (await ps(['-p', String(pid), '-o', 'command='])).trim();
}

/** The pids of the direct children of `pid`. */
export async function childrenOf(pid: number): Promise<number[]> {
  if (process.platform === 'linux') {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const states = await Promise.all(pids.map(async (each) => ({ each, state: await stateOf(each) })));
    return states.filter(({ state }) => state?.ppid === pid).map(({ each }) => each);
  }
  const rows = (await ps(['-axo', 'pid=,ppid='])).trim().split('\n');
  return rows
    .map((row) => row.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (child !== undefined && parent === pid ? [child] : []));
}

/** Waits until none of `pids` runs; false when some still do after `timeoutMs`. */
export async function waitUntilGone(pids: number[], timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const running = await Promise.all(pids.map(isRunning));
    if (!running.includes(true)) return true;
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
}

async function stateOf(pid: number): Promise<ProcessState | undefined> {
  if (process.platform !== 'linux') return stateFromPs(pid);
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // proc(5): the second field is the name in brackets and may itself hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    zombie: fields[0] === 'Z' || fields[0] === 'X',
    ppid: Number(fields[1]),
    startedAt: fields[19] ?? '',
  };
}

async function stateFromPs(pid: number): Promise<ProcessState | undefined> {
  const [ppid, state, ...started] = (await ps(['-p', String(pid), '-o', 'ppid=,state=,lstart=']))
    .trim()
    .split(/\s+/);
  if (ppid === undefined || ppid === '' || state === undefined) return undefined;
  return { ppid: Number(ppid), zombie: state.startsWith('Z'), startedAt: started.join(' ') };
}

async function ps(args: string[]): Promise<string> {
  // `ps -p` of a pid that does not exist exits 1 with no output.
  return run('ps', args).then(
    ({ stdout }) => stdout,
    () => '',
  );
}
