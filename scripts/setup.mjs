// Makes a clone fit to run: packages and generated code, each only when something it is made from changed.
// Plain JavaScript without packages, because on a fresh clone there is nothing else.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { commandLine } from '../local/src/command-line/command-line.js';
import { unlessAbsent } from '../local/src/error-code.js';
import { stopSignal } from '../local/src/processes/stop-signal.js';
import { isPinnedNode, runOnPinnedNode } from '../local/src/setup/pinned-node.mjs';
import { node, ROOT, run, StepFailed, timed, whenChanged } from '../local/src/setup/steps.mjs';

const SUBGRAPHS = ['users', 'products', 'orders'].map((name) => `subgraphs/${name}`);
const SUPERGRAPH = 'gateway/supergraph.graphql';
const NEEDED_NODE = [20, 19];

/**
 * Brings what is generated up to date. The packages must be installed. `compose: false` leaves gateway/supergraph.graphql
 * as it is when it is there, for those who check it. Throws StepFailed, or the reason of `signal`, which ends what is
 * under way.
 */
export async function setUp({ compose = true, signal } = {}) {
  await generateClient(signal);
  const schemas = SUBGRAPHS.map((path) => `${path}/schema.graphql`);
  await generateResolverTypes(schemas, signal);
  if (compose || !existsSync(join(ROOT, SUPERGRAPH))) await composeSupergraph(schemas, signal);
  // Of the supergraph as it is there now, which is the one that the gateway will serve.
  await generateOperations(signal);
  await buildPages(signal);
}

/** The Prisma client, unless it is of this Prisma schema. */
export async function generateClient(signal) {
  await whenChanged(
    {
      name: 'generating the Prisma client',
      inputs: ['prisma/schema', 'package-lock.json'],
      outputs: ['prisma/src/generated/client.ts'],
    },
    () => generatePrismaClient(signal),
  );
}

async function generateResolverTypes(schemas, signal) {
  await whenChanged(
    {
      name: 'generating resolver types',
      inputs: [
        ...schemas,
        ...SUBGRAPHS.map((path) => `${path}/codegen.json`),
        'scripts/generate.mjs',
        'package-lock.json',
      ],
      outputs: SUBGRAPHS.map((path) => `${path}/src/generated/graphql.ts`),
    },
    () => node(['scripts/generate.mjs'], { signal }),
  );
}

async function composeSupergraph(schemas, signal) {
  await whenChanged(
    {
      name: 'composing the supergraph',
      inputs: [...schemas, SUPERGRAPH, 'scripts/compose.mjs'],
      outputs: [SUPERGRAPH],
    },
    () => node(['scripts/compose.mjs'], { signal }),
  );
}

/** The typed operations of the REST shim and of the console. */
async function generateOperations(signal) {
  const script = 'scripts/generate-operations.mjs';
  await whenChanged(
    {
      name: 'generating typed operations',
      inputs: [SUPERGRAPH, 'gateway/src/rest/operations', 'web/src/console', script, 'package-lock.json'],
      outputs: ['gateway/src/generated/operations.ts', 'web/src/generated/operations.ts'],
    },
    () => node([script], { signal }),
  );
}

/** What the gateway serves to browsers. */
async function buildPages(signal) {
  await whenChanged(
    {
      name: 'building the pages',
      inputs: ['web', SUPERGRAPH, 'package-lock.json'],
      outputs: ['web/dist/home.html'],
    },
    () => node(['node_modules/vite/bin/vite.js', 'build', 'web', '--logLevel', 'warn'], { signal }),
  );
}

/**
 * Installs the packages and runs `main` on the pinned Node. Ends the process with 1 when a step fails; anything but a
 * StepFailed is shown in full.
 */
export async function runMain(main) {
  try {
    await installPackages();
    if (isPinnedNode()) await main();
    else process.exitCode = await runOnPinnedNode(await stopSignal());
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** Installs what package-lock.json says, the pinned Node among it, unless it is there. Throws as setUp does. */
export async function installPackages(signal) {
  checkNode();
  if (await isInstalled()) return;
  const paths = await packageFolders();
  const howFar = () =>
    `${paths.filter((path) => existsSync(join(ROOT, path, 'package.json'))).length} of ${paths.length} packages`;
  await timed('installing packages', () => install(signal), howFar);
}

/** Where npm puts what package-lock.json says, but for packages of other platforms. */
async function packageFolders() {
  const { packages } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8'));
  const fits = (wanted, here) => wanted === undefined || wanted.includes(here);
  return Object.entries(packages).flatMap(([path, { link, os, cpu }]) =>
    path.includes('node_modules/') && !link && fits(os, process.platform) && fits(cpu, process.arch)
      ? [path]
      : [],
  );
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [neededMajor, neededMinor] = NEEDED_NODE;
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  throw new StepFailed(
    `Node ${NEEDED_NODE.join('.')} or later is needed; this is ${process.versions.node} (https://nodejs.org)`,
  );
}

/** Whether node_modules holds what package-lock.json says. npm keeps a list of what it installed. */
async function isInstalled() {
  const read = (path) => readFile(join(ROOT, path), 'utf8');
  const list = await read('node_modules/.package-lock.json').catch(unlessAbsent);
  const installed = list === undefined ? undefined : packagesIn(list);
  if (installed === undefined) return false;
  const wanted = Object.entries(JSON.parse(await read('package-lock.json')).packages);
  return wanted.every(
    ([path, { version, link, optional }]) =>
      !path.includes('node_modules/') ||
      link ||
      // Of another platform.
      (optional && installed[path] === undefined) ||
      installed[path]?.version === version,
  );
}

/** What a list of npm names; undefined when npm did not get to its end. */
function packagesIn(list) {
  try {
    return JSON.parse(list).packages;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

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
    // npm leaves out of the lock file the optional packages of other platforms that its registry does not have,
    // and then `npm ci` calls the file out of date. `npm install` takes the same versions from it.
    console.log('\n  npm ci refused package-lock.json; installing what it says with npm install');
    await npm(['install', '--no-save', ...options], { signal });
  }
}

/** The npm that runs this, under `npm start`; else the one in PATH. */
function npm(args, options) {
  const cli = process.env.npm_execpath;
  return cli === undefined ? run('npm', args, options) : node([cli, ...args], options);
}

async function generatePrismaClient(signal) {
  const env = {
    // The CLI wants a schema engine to exist, downloads one otherwise, and never runs it to generate.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  };
  const program = 'node_modules/prisma/build/index.js';
  await node([program, 'generate', '--schema=prisma/schema'], { env, signal });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  commandLine('setup');
  await runMain(() => setUp());
}
