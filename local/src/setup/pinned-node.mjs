// The one Node that the project runs on: the version of .nvmrc. A machine may have another one. npm brings the pinned one
// from its registry: package.json has its builds as optional dependencies, and their bin/node lands in node_modules/.bin,
// which is first in the PATH of every npm script.
import { existsSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawnGuarded } from '../processes/guarded-process.js';
import { ROOT, StepFailed } from './steps.mjs';

const VERSION = (await readFile(join(ROOT, '.nvmrc'), 'utf8')).trim();
const BINARY = join(ROOT, 'node_modules/.bin', process.platform === 'win32' ? 'node.exe' : 'node');

/** Whether this process runs on it, or on another Node of the same major version where npm has no build of it. */
export function isPinnedNode() {
  if (process.versions.node === VERSION) return true;
  return !existsSync(BINARY) && major(process.versions.node) === major(VERSION);
}

/** @param {string} version */
const major = (version) => version.split('.')[0];

/**
 * What it runs may take its time to stop in order, as `npm start` does.
 * @type {readonly import('../processes/guarded-process.js').EndingStep[]}
 */
const ENDING = [
  ['SIGTERM', 60_000],
  ['SIGKILL', 5_000],
];

/**
 * Runs this process's script with its arguments on the pinned Node, once the packages are installed. Resolves to its exit
 * code. It ends with this process, and when `signal` is aborted. Throws StepFailed when npm has no build of it for this
 * machine.
 * @param {AbortSignal | undefined} signal
 */
export async function runOnPinnedNode(signal) {
  signal?.throwIfAborted();
  if (!existsSync(BINARY))
    throw new StepFailed(
      `Node ${VERSION} is needed; this is ${process.versions.node}, and npm brought no build of it for ` +
        `${process.platform}-${process.arch}. Install it from https://nodejs.org`,
    );
  if (realpathSync(BINARY) === process.execPath)
    throw new StepFailed(
      `Node ${VERSION} is needed, and npm brought ${process.versions.node}; delete node_modules and try again`,
    );
  const program = spawnGuarded(BINARY, process.argv.slice(1), { show: true, ending: ENDING });
  signal?.addEventListener('abort', program.end);
  const { code, failure } = await program.ended;
  if (failure !== undefined) throw new StepFailed(`${BINARY} cannot be started: ${failure}`);
  return code ?? 1;
}
