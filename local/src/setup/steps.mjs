// Long steps with their name and seconds on the screen, and steps that are skipped while their inputs stay.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isWatched } from '../command-line/progress.js';
import { unlessAbsent } from '../error-code.js';
import { spawnGuarded } from '../processes/guarded-process.js';
import { filesUnder, ROOT } from './files.mjs';

export { filesUnder, ROOT };

/** Clears the rest of a terminal's line. */
const CLEAR = '\x1b[K';
const STAMPS = join(ROOT, 'node_modules/.cache/holdfast');

/** A step that failed; everything that is to be said has been said. `output` is what its program wrote. */
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
 * Runs `work`, showing `name` and the seconds it took. `howFar` gives what is done of a long step; without a
 * terminal it is a line of its own, every ten seconds.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 */
export async function timed(name, work, howFar = () => '') {
  const started = performance.now();
  const live = isWatched();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  const show = () => {
    const line = [`  ${name} … ${seconds()}`, howFar()].filter(Boolean).join(', ');
    if (live) process.stdout.write(`\r${line}${CLEAR}`);
    else if (howFar() !== '') console.log(line);
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
 * Runs a program in the root folder. It ends with this process, and when `signal` is aborted. Its output is kept back and
 * shown when it fails, or shown as it comes with `show`, or never with `quiet`. Throws StepFailed, or the reason of `signal`.
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
  if (exit.code === 0) return;
  output += exit.failure ?? '';
  if (output !== '' && !quiet) console.error(`\n${output.trimEnd()}`);
  const how = exit.failure === undefined ? `ended with ${exit.code ?? exit.signal}` : 'could not be started';
  throw new StepFailed(`${command.split('/').at(-1)} ${args.join(' ')} ${how}`, output);
}

/**
 * The same for a script or a program of node_modules, by this Node.
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 */
export const node = (args, options) => run(process.execPath, args, options);

/**
 * Runs `work` unless `outputs` are there and were made from inputs with these contents. Tells whether it ran.
 * Paths are relative to the root; `inputs` may be folders.
 * @param {{ name: string, inputs: readonly string[], outputs: readonly string[] }} step
 * @param {() => Promise<unknown>} work
 */
export async function whenChanged({ name, inputs, outputs }, work) {
  const stamp = join(STAMPS, name.replaceAll(' ', '-'));
  const digest = await digestOf(inputs);
  const known = await readFile(stamp, 'utf8').catch(unlessAbsent);
  if (known === digest && outputs.every((path) => existsSync(join(ROOT, path)))) return false;
  // Should it be interrupted, its outputs are of no inputs.
  await rm(stamp, { force: true });
  await timed(name, work);
  await mkdir(dirname(stamp), { recursive: true });
  // Of the inputs as they are after the step: it may have written some of them.
  await writeFile(stamp, await digestOf(inputs));
  return true;
}

/** @param {readonly string[]} inputs */
async function digestOf(inputs) {
  const hash = createHash('sha256').update(process.version);
  for (const input of inputs) {
    for (const file of await filesUnder(join(ROOT, input)))
      hash.update(`${relative(ROOT, file)}\n`).update(await readFile(file));
  }
  return hash.digest('hex');
}
