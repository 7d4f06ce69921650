// Long steps with their name and seconds on the screen, and steps that are skipped while their inputs stay.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '');
const STAMPS = join(ROOT, 'node_modules/.cache/holdfast');
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'generated']);

/** A step that failed; everything that is to be said has been said. */
export class StepFailed extends Error {}

/** Runs `work`, showing `name` and the seconds it took. */
export async function timed(name, work) {
  const started = performance.now();
  const live = process.stdout.isTTY;
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  if (live) process.stdout.write(`  ${name} …`);
  const ticking = setInterval(() => live && process.stdout.write(`\r  ${name} … ${seconds()}`), 1000);
  try {
    const result = await work();
    console.log(`${live ? '\r' : ''}  ${name}: ${seconds()}   `);
    return result;
  } catch (error) {
    console.log(`${live ? '\r' : ''}  ${name}: failed after ${seconds()}`);
    throw error;
  } finally {
    clearInterval(ticking);
  }
}

/**
 * Runs a program in the root folder. Its output is kept back and shown when it fails, or shown as it comes with
 * `show`, or never with `quiet`. Throws StepFailed.
 */
export async function run(command, args, { env = {}, show = false, quiet = false } = {}) {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      resolve(1);
    });
    child.on('close', (status, signal) => resolve(status ?? signal));
  });
  if (code === 0) return;
  if (output !== '' && !quiet) console.error(`\n${output.trimEnd()}`);
  throw new StepFailed(`${command.split('/').at(-1)} ${args.join(' ')} ended with ${code}`);
}

/** The same for a script or a program of node_modules, by this Node. */
export const node = (args, options) => run(process.execPath, args, options);

/**
 * Runs `work` unless `outputs` are there and were made from inputs with these contents. Tells whether it ran.
 * Paths are relative to the root; `inputs` may be folders.
 */
export async function whenChanged({ name, inputs, outputs }, work) {
  const stamp = join(STAMPS, name.replaceAll(' ', '-'));
  const digest = await digestOf(inputs);
  const known = await readFile(stamp, 'utf8').catch(() => '');
  if (known === digest && outputs.every((path) => existsSync(join(ROOT, path)))) return false;
  await timed(name, work);
  await mkdir(dirname(stamp), { recursive: true });
  // Of the inputs as they are after the step: it may have written some of them.
  await writeFile(stamp, await digestOf(inputs));
  return true;
}

async function digestOf(inputs) {
  const hash = createHash('sha256').update(process.version);
  for (const input of inputs) {
    for (const file of await filesUnder(join(ROOT, input)))
      hash.update(`${relative(ROOT, file)}\n`).update(await readFile(file));
  }
  return hash.digest('hex');
}

/** `path` itself, or the files in the folder `path`; none when there is no such thing. */
export async function filesUnder(path, skipped = SKIPPED_FOLDERS) {
  const entries = await readdir(path, { withFileTypes: true }).catch((error) => error.code);
  if (entries === 'ENOTDIR') return [path];
  if (typeof entries === 'string') return [];
  const nested = entries
    .filter((entry) => !(entry.isDirectory() && skipped.has(entry.name)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) =>
      entry.isDirectory() ? filesUnder(join(path, entry.name), skipped) : [join(path, entry.name)],
    );
  return (await Promise.all(nested)).flat();
}
