// Which programs of the system a test run needs. One module of test/src runs each of them, so a test needs a program when
// it imports that module, itself or through others.
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ROOT, StepFailed } from '../../local/src/setup/steps.mjs';
import { ensureKustomize } from './kustomize.mjs';
import { ensureProgram } from './programs.mjs';

/**
 * By name: the module that runs it, and what makes sure that it is there. test/src/setup/programs.test.ts holds the
 * tests to this table.
 */
export const TEST_PROGRAMS = {
  'redis-server': {
    runBy: 'test/src/support/redis.ts',
    ensure: () =>
      ensureProgram({ program: 'redis-server', debianPackage: 'redis-server', brewPackage: 'redis' }),
  },
  haproxy: {
    runBy: 'test/src/support/load-balancer.ts',
    ensure: () => ensureProgram({ program: 'haproxy', debianPackage: 'haproxy' }),
  },
  promtool: {
    runBy: 'test/src/support/promtool.ts',
    ensure: () => ensureProgram({ program: 'promtool', debianPackage: 'prometheus' }),
  },
  prometheus: {
    runBy: 'test/src/support/prometheus.ts',
    ensure: () => ensureProgram({ program: 'prometheus', debianPackage: 'prometheus' }),
  },
  'prometheus-redis-exporter': {
    runBy: 'test/src/monitoring/stores.test.ts',
    ensure: () =>
      ensureProgram({
        program: 'prometheus-redis-exporter',
        debianPackage: 'prometheus-redis-exporter',
      }),
  },
  // Of the whole Chromium what tests need: it takes a quarter of the CPU time.
  'chromium-headless-shell': {
    runBy: 'test/src/support/browser.ts',
    ensure: () =>
      ensureProgram({ program: 'chromium-headless-shell', debianPackage: 'chromium-headless-shell' }),
  },
  // The runbooks are written for it.
  jq: {
    runBy: 'test/src/monitoring/runbook.test.ts',
    ensure: () => ensureProgram({ program: 'jq', debianPackage: 'jq', brewPackage: 'jq' }),
  },
  kustomize: { runBy: 'test/src/k8s/render.ts', ensure: ensureKustomize },
};

/** Finds or installs what these tests (absolute paths) need. Throws StepFailed, naming everything that is missing. */
export async function ensureProgramsFor(tests) {
  const missing = [];
  for (const name of await programsNeededBy(tests)) {
    await TEST_PROGRAMS[name].ensure().catch((error) => {
      if (!(error instanceof StepFailed)) throw error;
      missing.push(error.message);
    });
  }
  if (missing.length === 0) return;
  throw new StepFailed(
    `${missing.join('\n')}\nnpm test -- PATH asks only for what the tests under that path need; unit tests need nothing.`,
  );
}

/** The names of the programs that these tests need. */
export async function programsNeededBy(tests) {
  const modules = await withImports(tests);
  return Object.keys(TEST_PROGRAMS).filter((name) => modules.has(join(ROOT, TEST_PROGRAMS[name].runBy)));
}

/** An import or the end of one, at the beginning of a line; those in a program that a test keeps as text are indented. */
const IMPORT = /^(?:import|export|\}) ?[^'\n]*'(\.{1,2}\/[^']+)';/gm;

/** These files and all that they import by a relative path. */
async function withImports(files, seen = new Set()) {
  for (const file of files) {
    if (seen.has(file)) continue;
    seen.add(file);
    const imports = [...(await readFile(file, 'utf8')).matchAll(IMPORT)];
    await withImports(
      imports.map(([, path]) => resolve(dirname(file), path)),
      seen,
    );
  }
  return seen;
}
