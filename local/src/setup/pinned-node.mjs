// The Node that the project runs on: the version of .nvmrc. The machine may have another one, so npm installs the pinned one:
// package.json has its builds as optional dependencies, whose bin/node is in node_modules/.bin, the first folder in the PATH of
// every npm script.
import { existsSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawnGuarded } from '../processes/guarded-process.js';
import { ROOT } from '../root.js';
import { StepFailed } from './steps.mjs';

const VERSION = (await readFile(join(ROOT, '.nvmrc'), 'utf8')).trim();
const BINARY = join(ROOT, 'node_modules/.bin', process.platform === 'win32' ? 'node.exe' : 'node');

/** Whether this process runs on the pinned Node, or, where npm has no build of it, on the same major version. */
export function isPinnedNode() {
  if (process.versions.node === VERSION) return true;
  return !existsSync(BINARY) && majorOf(process.versions.node) === majorOf(VERSION);
}

/** @param {string} version */
const majorOf = (version) => version.split('.')[0];

/**
 * The program may need time to stop in order, as `npm start` does.
 * @type {readonly import('../processes/guarded-process.js').EndingStep[]}
 */
const ENDING = [
  ['SIGTERM', 60_000],
  ['SIGKILL', 5_000],
];

/**
 * Runs this process's script with its arguments on the pinned Node, after the packages are installed. Returns its exit code. The
 * script ends with this process, and when `signal` is aborted. Throws StepFailed when npm has no build of Node for this machine.
 * @param {AbortSignal | undefined} signal
 */
export async function runOnPinnedNode(signal) {
  signal?.throwIfAborted();
  if (!existsSync(BINARY))
    throw new StepFailed(
      `Node ${VERSION} is needed; this is ${process.versions.node}, and npm has no build of it for ` +
        `${process.platform}-${process.arch}. Install it from https://nodejs.org`,
    );
  if (realpathSync(BINARY) === process.execPath)
    throw new StepFailed(
      `Node ${VERSION} is needed, and npm installed ${process.versions.node}; delete node_modules and try again`,
    );
  const program = spawnGuarded(BINARY, process.argv.slice(1), { show: true, ending: ENDING });
  signal?.addEventListener('abort', program.end);
  const { code, failure } = await program.ended;
  if (failure !== undefined) throw new StepFailed(`${BINARY} cannot be started: ${failure}`);
  return code ?? 1;
}
