// Installs the packages of package-lock.json with npm, when node_modules does not hold them.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessAbsent } from '../error-code.js';
import { ROOT } from '../root.js';
import { node, run, StepFailed, showStep } from './steps.mjs';

/** The oldest Node that can run this: major and minor version. */
const OLDEST_NODE = /** @type {const} */ ([20, 19]);

/** @typedef {{ version?: string, link?: boolean, optional?: boolean, os?: string[], cpu?: string[] }} Locked a package of a lock file */

/**
 * Installs what package-lock.json lists, the pinned Node included, unless it is installed. Throws StepFailed, or the reason of
 * `signal`.
 * @param {AbortSignal} [signal]
 */
export async function installPackages(signal) {
  checkNode();
  const wanted = await readWanted();
  const installed = await readInstalled();
  if (installed !== undefined && isInstalled(wanted, installed)) return;
  const folders = wanted.filter(isForThisMachine).map(([path]) => join(ROOT, path, 'package.json'));
  const describeProgress = () => `${folders.filter(existsSync).length} of ${folders.length} packages`;
  await showStep('installing packages', () => install(signal), describeProgress);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new StepFailed(
    `Node ${OLDEST_NODE.join('.')} or later is needed; this is ${process.versions.node} (https://nodejs.org)`,
  );
}

async function readWanted() {
  const text = await readFile(join(ROOT, 'package-lock.json'), 'utf8');
  try {
    return parseLocked(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new StepFailed('package-lock.json is not JSON; it may have the marks of a merge');
  }
}

/** The packages in node_modules; undefined when npm has installed none, or was interrupted while it wrote their list. */
async function readInstalled() {
  const text = await readFile(join(ROOT, 'node_modules/.package-lock.json'), 'utf8').catch(unlessAbsent);
  if (text === undefined) return undefined;
  try {
    return parseLocked(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

/**
 * The packages that a lock file places in node_modules.
 * @param {string} text
 */
function parseLocked(text) {
  /** @type {[path: string, locked: Locked][]} */
  const entries = Object.entries(JSON.parse(text).packages);
  return entries.filter(([path, { link }]) => path.includes('node_modules/') && !link);
}

/**
 * Whether node_modules holds what is wanted, by the list that npm keeps of what it installed.
 * @param {[string, Locked][]} wanted
 * @param {[string, Locked][]} installed
 */
function isInstalled(wanted, installed) {
  const versions = new Map(installed.map(([path, { version }]) => [path, version]));
  return wanted.every(
    ([path, { version, optional }]) => versions.get(path) === version || (optional && !versions.has(path)), // It is for another platform.
  );
}

/** @param {[string, Locked]} entry */
function isForThisMachine([, { os, cpu }]) {
  return (os?.includes(process.platform) ?? true) && (cpu?.includes(process.arch) ?? true);
}

/** @param {AbortSignal | undefined} signal */
async function install(signal) {
  const options = ['--no-audit', '--no-fund'];
  try {
    await npm(['ci', ...options], { quiet: true, signal });
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    if (!/code EUSAGE/.test(error.output)) {
      console.error(`\n${error.output.trimEnd()}`);
      throw error;
    }
    // npm leaves out of the lock file the optional packages of other platforms that its registry does not have. Then `npm ci`
    // calls the file out of date, and `npm install` takes the same versions from it.
    console.log('\n  npm ci refused package-lock.json; npm install installs the versions that it lists');
    await npm(['install', '--no-save', ...options], { signal });
  }
}

/**
 * Runs npm: under `npm start` the one that runs this process, else the one in PATH.
 * @param {string[]} args
 * @param {import('./steps.mjs').RunOptions} options
 */
function npm(args, options) {
  const program = process.env['npm_execpath'];
  return program === undefined ? run('npm', args, options) : node([program, ...args], options);
}
