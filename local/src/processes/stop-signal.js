// Decides when `npm start` ends: at a signal, or when the npm that started it has ended, because npm passes on neither SIGTERM nor
// SIGKILL.
// Plain JavaScript, because `npm start` runs it on the Node of the machine, which may not support TypeScript.
import { errorCode } from '../error-code.js';
import { commandOf, parentOf } from './processes.js';

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
const PARENT_CHECK_MS = 250;
/** The shell that npm starts for one command. */
const SHELL = /^(\S*\/)?(sh|ash|bash|dash|ksh|zsh) -c /;

/** `npm start` was stopped on purpose. */
export class Interrupted extends Error {
  /** @override */
  name = 'Interrupted';
}

/**
 * A signal that is aborted when this process must end. The reason is an Interrupted, whose message says what happened. From now
 * on the signals of the system do not end this process by themselves.
 * @returns {Promise<AbortSignal>}
 */
export async function createStopSignal() {
  const stop = new AbortController();
  /** @param {string} what */
  const abort = (what) => stop.abort(new Interrupted(what));
  // `on` and not `once`, because a second signal must not kill this process while it stops the others.
  for (const name of SIGNALS) process.on(name, () => abort(name));
  if (process.env['npm_lifecycle_event'] !== undefined) await watchStarters(() => abort('npm has ended'));
  return stop.signal;
}

/**
 * Calls `gone` when npm has ended, or the shell between npm and this process.
 * @param {() => void} gone
 */
async function watchStarters(gone) {
  const parent = process.ppid;
  const npm = SHELL.test(await commandOf(parent)) ? await parentOf(parent) : parent;
  const check = setInterval(() => {
    if (process.ppid === parent && npm !== undefined && isAlive(npm)) return;
    clearInterval(check);
    gone();
  }, PARENT_CHECK_MS);
  check.unref();
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // The process of another user exists.
    return errorCode(error) === 'EPERM';
  }
}
