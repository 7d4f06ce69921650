// Programs that end when this process does, also by SIGKILL: each runs under a guard (guard.js), which notices the end.
// Plain JavaScript, because `npm start` runs it on the Node of the machine, which may not know TypeScript.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const GUARD = fileURLToPath(new URL('./guard.js', import.meta.url));

/** @type {readonly EndingStep[]} */
const BY_DEFAULT = [
  ['SIGTERM', 3_000],
  ['SIGKILL', 5_000],
];

/**
 * A signal for the program's process group, and how long it has to obey, in milliseconds.
 * @typedef {readonly [signal: NodeJS.Signals, graceMs: number]} EndingStep
 */

/**
 * What the guard is told.
 * @typedef {object} GuardedCommand
 * @property {string} command
 * @property {readonly string[]} args
 * @property {{ uid: number, gid: number } | undefined} account as whom the program runs; default: as this process
 * @property {readonly EndingStep[]} ending how the program is ended
 */

/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Exit */

/**
 * What the guard says: the program's pid, how it ended, why it could not be started.
 * @typedef {{ pid?: number | undefined, exit?: Exit, failure?: string }} GuardReport
 */

/**
 * @typedef {object} GuardedOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {{ uid: number, gid: number } | undefined} [account]
 * @property {readonly EndingStep[]} [ending]
 * @property {boolean} [show] whether it writes where this process writes; otherwise its output is in `output`
 */

/**
 * @typedef {object} GuardedProcess
 * @property {readonly import('node:stream').Readable[]} output stdout and stderr, unless they are shown; to be read, as
 *   `ended` waits for their ends
 * @property {Promise<number | undefined>} pid undefined when the program could not be started
 * @property {Promise<Exit & { failure: string | undefined }>} ended how it ended, or why it could not be started
 * @property {() => void} end ends the program; `ended` tells when it is gone
 */

/**
 * Starts a program.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {GuardedOptions} [options]
 * @returns {GuardedProcess}
 */
export function spawnGuarded(command, args, options = {}) {
  const { cwd, env, account, ending = BY_DEFAULT, show = false } = options;
  const output = show ? 'inherit' : 'pipe';
  /** @type {GuardedCommand} */
  const told = { command, args, account, ending };
  const guard = spawn(process.execPath, [GUARD, JSON.stringify(told)], {
    cwd,
    env,
    // Its own process group: Ctrl-C in a terminal is for this process, which ends the others in order.
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
  });
  return {
    output: [guard.stdout, guard.stderr].filter((stream) => stream !== null),
    ...observeGuard(guard),
    end: () => {
      // One that is leaving needs no telling. Closing the channel would do, but then Node never says that the guard closed.
      if (guard.connected) guard.send('end', () => undefined);
    },
  };
}

/**
 * @param {import('node:child_process').ChildProcess} guard
 * @returns {Pick<GuardedProcess, 'pid' | 'ended'>}
 */
function observeGuard(guard) {
  /** @type {GuardReport} */
  const known = {};
  guard.on('message', (/** @type {GuardReport} */ report) => Object.assign(known, report));
  guard.on('error', (error) => Object.assign(known, { failure: error.message }));
  const closed = once(guard, 'close').catch(() => [1, null]);
  const reported = once(guard, 'message').catch(() => undefined);
  return {
    pid: Promise.race([reported, closed]).then(() => known.pid),
    // 'close' and not 'exit', so that the program's last words have been read.
    ended: closed.then(([code, signal]) => ({ ...(known.exit ?? { code, signal }), failure: known.failure })),
  };
}
