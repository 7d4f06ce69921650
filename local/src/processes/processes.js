// What the operating system knows about a process that is not a child of this one: whether it runs, its command, parent and children.
// Linux has this in /proc, because slim images have no `ps`; on other systems `ps` reports it. A failed look-up is an error: if a
// running process were taken for an ended one, its lock or database would be taken over.
// Plain JavaScript, because `npm start` runs it on the Node of the machine, which may not support TypeScript.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { errorCode } from '../error-code.js';

const run = promisify(execFile);
const POLL_MS = 20;

/** @typedef {{ ppid: number, zombie: boolean, startedAt: string }} ProcessState */

/**
 * Whether `pid` runs. A zombie, which waits for its parent to collect it, does not run.
 * @param {number} pid
 */
export async function isRunning(pid) {
  const state = await stateOf(pid);
  return state !== undefined && !state.zombie;
}

/**
 * A text that distinguishes this process from a later one with the same pid; undefined when it does not run.
 * @param {number} pid
 */
export async function incarnationOf(pid) {
  const state = await stateOf(pid);
  return state === undefined || state.zombie ? undefined : state.startedAt;
}

/**
 * The command line of `pid`, '' when it does not run.
 * @param {number} pid
 */
export async function commandOf(pid) {
  if (process.platform !== 'linux') return (await ps(['-p', String(pid), '-o', 'command='])).trim();
  return (readProc(pid, 'cmdline') ?? '').replaceAll('\0', ' ').trim();
}

/**
 * The parent of `pid`; undefined when it does not run.
 * @param {number} pid
 */
export async function parentOf(pid) {
  return (await stateOf(pid))?.ppid;
}

/**
 * The pids of the direct children of `pid`.
 * @param {number} pid
 */
export async function childrenOf(pid) {
  if (process.platform === 'linux') {
    const pids = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
    const states = await Promise.all(
      pids.map(async (each) => ({ each, state: await stateOf(each).catch(unlessHidden) })),
    );
    return states.filter(({ state }) => state?.ppid === pid).map(({ each }) => each);
  }
  const rows = (await ps(['-axo', 'pid=,ppid='])).trim().split('\n');
  return rows
    .map((row) => row.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (child !== undefined && parent === pid ? [child] : []));
}

/**
 * Waits until none of `pids` runs. Returns false when one still runs after `timeoutMs`.
 * @param {readonly number[]} pids
 * @param {number} timeoutMs
 */
export async function waitUntilGone(pids, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const running = await Promise.all(pids.map(isRunning));
    if (!running.includes(true)) return true;
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
}

/**
 * @param {number} pid
 * @returns {Promise<ProcessState | undefined>}
 */
async function stateOf(pid) {
  if (process.platform !== 'linux') return stateFromPs(pid);
  const stat = readProc(pid, 'stat');
  if (stat === undefined) return undefined;
  // proc(5): the second field is the name in brackets and may itself hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    zombie: fields[0] === 'Z' || fields[0] === 'X',
    ppid: Number(fields[1]),
    startedAt: fields[19] ?? '',
  };
}

/**
 * The text of a file of `pid` in /proc; undefined when there is no such process. It is read synchronously, because the file is in
 * memory, and an asynchronous read takes ten times as long.
 * @param {number} pid
 * @param {string} name
 */
function readProc(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

/**
 * A system can hide the processes of other users in /proc (hidepid, proc(5)). The children of this process are always visible.
 * @param {unknown} error
 * @returns {undefined}
 */
function unlessHidden(error) {
  const code = errorCode(error);
  if (code !== 'EACCES' && code !== 'EPERM') throw error;
  return undefined;
}

/**
 * @param {number} pid
 * @returns {Promise<ProcessState | undefined>}
 */
async function stateFromPs(pid) {
  const [ppid, state, ...started] = (await ps(['-p', String(pid), '-o', 'ppid=,state=,lstart=']))
    .trim()
    .split(/\s+/);
  if (ppid === undefined || ppid === '' || state === undefined) return undefined;
  return { ppid: Number(ppid), zombie: state.startsWith('Z'), startedAt: started.join(' ') };
}

/** @param {string[]} args */
async function ps(args) {
  try {
    return (await run('ps', args)).stdout;
  } catch (error) {
    // `ps -p` of a pid that does not exist exits 1 with no output.
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 1) return '';
    throw error;
  }
}
