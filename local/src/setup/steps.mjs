// Long steps of a command: their names and seconds on the screen, and the programs that they run.
import { isWatched } from '../command-line/progress.js';
import { spawnGuarded } from '../processes/guarded-process.js';
import { ROOT } from '../root.js';

/** Clears the rest of a terminal's line. */
const CLEAR = '\x1b[K';

/** A step failed. The message is for the user, who has seen the rest already. `output` is what its program wrote. */
export class StepFailed extends Error {
  /** @param {string} message */
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

/** @typedef {{ env?: Record<string, string>, show?: boolean, quiet?: boolean, signal?: AbortSignal | undefined }} RunOptions */

const LINE_EVERY_MS = 10_000;

/**
 * Runs `work` and shows `name` and the seconds it took. `describeProgress` says how much of a long step is done; without a
 * terminal that is a line of its own, every ten seconds.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 */
export async function showStep(name, work, describeProgress = () => '') {
  const started = performance.now();
  const live = isWatched();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  const show = () => {
    const line = [`  ${name} … ${seconds()}`, describeProgress()].filter(Boolean).join(', ');
    if (live) process.stdout.write(`\r${line}${CLEAR}`);
    else if (describeProgress() !== '') console.log(line);
  };
  if (live) process.stdout.write(`  ${name} …`);
  const ticking = setInterval(show, live ? 1000 : LINE_EVERY_MS);
  try {
    const result = await work();
    console.log(`${live ? `\r${CLEAR}` : ''}  ${name}: ${seconds()}`);
    return result;
  } catch (error) {
    const how = error instanceof StepFailed ? 'failed' : 'ended';
    console.log(`${live ? `\r${CLEAR}` : ''}  ${name}: ${how} after ${seconds()}`);
    throw error;
  } finally {
    clearInterval(ticking);
  }
}

/**
 * Runs a program in the root folder. The program ends with this process, and when `signal` is aborted. Its output is shown only
 * when it fails; with `show` at once, with `quiet` never. Resolves with the output that was not shown. Throws StepFailed, or the
 * reason of `signal`.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} options
 */
export async function run(command, args, { env = {}, show = false, quiet = false, signal } = {}) {
  signal?.throwIfAborted();
  const program = spawnGuarded(command, args, { cwd: ROOT, env: { ...process.env, ...env }, show });
  signal?.addEventListener('abort', program.end);
  let output = '';
  for (const stream of program.output) stream.on('data', (chunk) => (output += chunk));
  const exit = await program.ended;
  signal?.removeEventListener('abort', program.end);
  signal?.throwIfAborted();
  if (exit.code === 0) return output;
  output += exit.failure ?? '';
  if (output !== '' && !quiet) console.error(`\n${output.trimEnd()}`);
  const how = exit.failure === undefined ? `ended with ${exit.code ?? exit.signal}` : 'could not be started';
  throw new StepFailed(`${command.split('/').at(-1)} ${args.join(' ')} ${how}`, output);
}

/**
 * Runs a script, or a program of node_modules, on this Node.
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 */
export const node = (args, options) => run(process.execPath, args, options);
