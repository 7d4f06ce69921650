// The program between `npm start` and a program that it runs (guarded-process.js). It starts that program, and ends it when
// `npm start` says so or is gone, by whatever signal: a SIGKILL leaves `npm start` no moment to do so itself. `npm start` is
// gone when the channel to it closes.
// Plain JavaScript, because `npm start` runs it on the Node of the machine, which may not know TypeScript.
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

// A process group of its own, which can be ended as a whole.
const child = spawn(command, args, { ...account, detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
child.once('spawn', () => process.connected && process.send?.({ pid: child.pid }));
child.once('error', (error) => leave({ failure: error.message }));
child.once('exit', (code, signal) => {
  exit = { code, signal };
  // One that is being ended may leave some of its group behind.
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
 * Whether the program and all of its group are gone after `signal`, within `graceMs`.
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
 * Whether the group has a process to signal; 0 only asks.
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
