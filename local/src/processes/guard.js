// The guard stands between `npm start` and a program that `npm start` runs (guarded-process.js). It starts the program, and ends
// it when `npm start` requests that or has ended itself. After a SIGKILL `npm start` cannot end the program, but the guard notices
// that the channel between them has closed.
// Plain JavaScript, because `npm start` runs it on the Node of the machine, which may not support TypeScript.
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../error-code.js';

const POLL_MS = 20;

/** @type {import('./guarded-process.js').GuardedCommand} */
const { command, args, account, ending } = JSON.parse(process.argv[2] ?? '');
if (!process.connected) process.exit(1);

/** @type {import('./guarded-process.js').Exit | undefined} */
let exit;
let isEnding = false;

// The program gets its own process group, so that the guard can end it with its children.
const child = spawn(command, args, { ...account, detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
// A parent that has just been killed no longer reads: without a callback Node would throw that error, and the guard would end
// without its program.
child.once('spawn', () => process.connected && process.send?.({ pid: child.pid }, () => undefined));
child.once('error', (error) => leave({ failure: error.message }));
child.once('exit', (code, signal) => {
  exit = { code, signal };
  // While the guard ends the program, other processes of the group may still run.
  if (!isEnding) leave({ exit });
});
process.once('message', end);
process.once('disconnect', end);

async function end() {
  if (isEnding) return;
  isEnding = true;
  for (const [signal, graceMs] of ending) if (await endBy(signal, graceMs)) break;
  leave({ exit });
}

/**
 * Sends `signal` and returns whether the program and its whole group end within `graceMs`.
 * @param {NodeJS.Signals} signal
 * @param {number} graceMs
 */
async function endBy(signal, graceMs) {
  signalGroup(signal);
  for (const deadline = Date.now() + graceMs; Date.now() < deadline; await sleep(POLL_MS))
    if (exit !== undefined && !signalGroup(0)) return true;
  return false;
}

/**
 * Signals the group. Returns whether the group still has a process. Signal 0 only checks.
 * @param {NodeJS.Signals | 0} signal
 */
function signalGroup(signal) {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
    return false;
  }
}

/** @param {import('./guarded-process.js').GuardReport} report */
function leave(report) {
  process.off('disconnect', end);
  if (process.connected) process.send?.(report, () => process.exit());
  else process.exit();
}
