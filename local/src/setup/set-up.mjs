// Makes a clone ready to run: installs packages and generates code, each only when its inputs have changed.
// Plain JavaScript without packages, because a fresh clone has none.
import { createStopSignal } from '../processes/stop-signal.js';
import { generate } from './generated.mjs';
import { installPackages } from './packages.mjs';
import { isPinnedNode, runOnPinnedNode } from './pinned-node.mjs';
import { StepFailed } from './steps.mjs';

const SUBGRAPHS = ['users', 'products', 'orders'].map((name) => `subgraphs/${name}`);
const SCHEMAS = SUBGRAPHS.map((path) => `${path}/schema.graphql`);
const SUPERGRAPH = 'gateway/supergraph.graphql';
const OPERATIONS_OF_PAGES = 'web/src/generated/operations.ts';
const LOCK_FILE = 'package-lock.json';

/** In their order: each step may read what those before it have written. */
const STEPS = {
  prismaClient: {
    name: 'generating the Prisma client',
    inputs: ['prisma/schema', LOCK_FILE],
    outputs: ['prisma/src/generated/client.ts'],
    args: ['node_modules/prisma/build/index.js', 'generate', '--schema=prisma/schema'],
    env: {
      // Prisma downloads a schema engine when this names none, although it runs none to generate.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  },
  resolverTypes: {
    name: 'generating resolver types',
    inputs: [
      ...SCHEMAS,
      ...SUBGRAPHS.map((path) => `${path}/codegen.json`),
      'scripts/generate.mjs',
      LOCK_FILE,
    ],
    outputs: SUBGRAPHS.map((path) => `${path}/src/generated/graphql.ts`),
    args: ['scripts/generate.mjs'],
  },
  supergraph: {
    name: 'composing the supergraph',
    inputs: [...SCHEMAS, SUPERGRAPH, 'scripts/compose.mjs'],
    outputs: [SUPERGRAPH],
    args: ['scripts/compose.mjs'],
  },
  operations: {
    name: 'generating typed operations',
    inputs: [
      SUPERGRAPH,
      'gateway/src/rest/operations',
      'web/src/console',
      'scripts/generate-operations.mjs',
      LOCK_FILE,
    ],
    outputs: ['gateway/src/generated/operations.ts', OPERATIONS_OF_PAGES],
    args: ['scripts/generate-operations.mjs'],
  },
  pages: {
    name: 'building the pages',
    // Most changes of a schema change no operation of the pages, and their build takes longer than all other steps.
    inputs: ['web', OPERATIONS_OF_PAGES, LOCK_FILE],
    outputs: ['web/dist/home.html'],
    args: ['node_modules/vite/bin/vite.js', 'build', 'web', '--logLevel', 'warn'],
  },
};

/**
 * Brings the generated code up to date, once the packages are installed. Throws StepFailed, or the reason of `signal`, which
 * ends the step that runs.
 * @param {{ steps?: readonly string[], signal?: AbortSignal }} options `steps` are the names of those to run; default: all
 */
export async function setUp({ steps = Object.keys(STEPS), signal } = {}) {
  for (const [name, step] of Object.entries(STEPS)) if (steps.includes(name)) await generate(step, signal);
}

/**
 * Installs the packages and runs `main` on the pinned Node. Ends the process with 1 when a step fails; every other error is
 * shown in full.
 * @param {() => Promise<void>} main
 */
export async function runMain(main) {
  try {
    await installPackages();
    if (isPinnedNode()) await main();
    else process.exitCode = await runOnPinnedNode(await createStopSignal());
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
