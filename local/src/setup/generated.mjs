// Generated code: each step runs only when its inputs have changed since it last ran.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { unlessAbsent } from '../error-code.js';
import { ROOT } from '../root.js';
import { filesUnder } from './files.mjs';
import { node, showStep } from './steps.mjs';

const DIGESTS = join(ROOT, 'node_modules/.cache/holdfast');

/**
 * Paths are relative to the root; an input may be a folder.
 * @typedef {object} GeneratingStep
 * @property {string} name
 * @property {readonly string[]} inputs
 * @property {readonly string[]} outputs
 * @property {readonly string[]} args a script of ours or a program of node_modules, with its arguments
 * @property {Record<string, string>} [env]
 */

/**
 * Runs the step unless its outputs exist and its inputs have the contents of its last run. Throws StepFailed, or the reason of
 * `signal`.
 * @param {GeneratingStep} step
 * @param {AbortSignal} [signal]
 */
export async function generate({ name, inputs, outputs, args, env = {} }, signal) {
  const file = join(DIGESTS, name.replaceAll(' ', '-'));
  const last = await readFile(file, 'utf8').catch(unlessAbsent);
  if (last === (await digest(inputs)) && outputs.every((path) => existsSync(join(ROOT, path)))) return;
  // An interrupted run may leave outputs of no inputs at all.
  await rm(file, { force: true });
  await showStep(name, () => node(args, { env, signal }));
  await mkdir(DIGESTS, { recursive: true });
  // The inputs are read again, because the step may have written some of them.
  await writeFile(file, await digest(inputs));
}

/** @param {readonly string[]} inputs */
async function digest(inputs) {
  const hash = createHash('sha256').update(process.version);
  for (const input of inputs)
    for (const file of await filesUnder(join(ROOT, input)))
      hash.update(`${relative(ROOT, file)}\n`).update(await readFile(file));
  return hash.digest('hex');
}
