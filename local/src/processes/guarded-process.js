// Starts programs that end with this process, even after a SIGKILL of this process: each program runs under a guard (guard.js).
// Plain JavaScript, because `npm start` runs it on the Node of the machine, which may not support TypeScript.
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
 * A signal for the program's process group, and the milliseconds until the next step.
 * @typedef {readonly [signal: NodeJS.Signals, graceMs: number]} EndingStep
 */

/**
 * The argument of the guard.
 * @typedef {object} GuardedCommand
 * @property {string} command
 * @property {readonly string[]} args
 * @property {{ uid: number, gid: number } | undefined} account as whom the program runs; default: as this process
 * @property {readonly EndingStep[]} ending how the program is ended
 */

/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Exit */

/**
 * A message of the guard: the program's pid, how it ended, or why it could not be started.
 * @typedef {{ pid?: number | undefined, exit?: Exit, failure?: string }} GuardReport
 */

/**
 * @typedef {object} GuardedOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {{ uid: number, gid: number } | undefined} [account]
 * @property {readonly EndingStep[]} [ending]
 * @property {boolean} [show] whether the program shares the output of this process; otherwise the output is in `output`
 */

/**
 * @typedef {object} GuardedProcess
 * @property {readonly import('node:stream').Readable[]} output stdout and stderr, unless they are shown; the caller must
 *   read them, because `ended` waits for their ends
 * @property {Promise<number | undefined>} pid undefined when the program could not be started
 * @property {Promise<Exit & { failure: string | undefined }>} ended how the program ended, or why it could not be started
 * @property {() => void} end ends the program; `ended` resolves when it has ended
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
    // The guard gets its own process group, so that Ctrl-C reaches only this process, which ends the others in order.
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
  });
  return {
    output: [guard.stdout, guard.stderr].filter((stream) => stream !== null),
    ...observeGuard(guard),
    end: () => {
      // Closing the channel would end the guard too, but then Node never emits the guard's 'close'.
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
    // 'close' comes after 'exit', when all output has been read.
    ended: closed.then(([code, signal]) => ({ ...(known.exit ?? { code, signal }), failure: known.failure })),
  };
}
