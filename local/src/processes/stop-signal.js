// When `npm start` is to end: at a signal, or when the npm that started it is gone, which hands on neither its SIGTERM nor
// its SIGKILL.
// Plain JavaScript, because `npm start` can be told to end on the Node of the machine, which may not know TypeScript.
import { errorCode } from '../error-code.js';
import { commandOf, parentOf } from './processes.js';

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
const PARENT_CHECK_MS = 250;
/** A shell that runs one command, as npm starts it. */
const SHELL = /^(\S*\/)?(sh|ash|bash|dash|ksh|zsh) -c /;

/** Why `npm start` ends although nothing is wrong. */
export class Interrupted extends Error {
  /** @override */
  name = 'Interrupted';
}

/**
 * A signal that is aborted when this process is to end; its reason is Interrupted, with what happened as its message.
 * From now on the signals do not end this process by themselves.
 * @returns {Promise<AbortSignal>}
 */
export async function createStopSignal() {
  const stop = new AbortController();
  /** @param {string} what */
  const abort = (what) => stop.abort(new Interrupted(what));
  // Not `once`: a second one must not kill us while we stop the others.
  for (const name of SIGNALS) process.on(name, () => abort(name));
  if (process.env['npm_lifecycle_event'] !== undefined) await watchStarters(() => abort('npm is gone'));
  return stop.signal;
}

/**
 * Calls `gone` when npm, or the shell between npm and us, has ended.
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
