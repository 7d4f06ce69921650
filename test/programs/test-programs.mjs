// The programs that tests run and npm does not install. One module of test/src runs each of them, so a test needs a program
// when it imports that module, directly or through other modules.
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ROOT } from '../../local/src/root.js';
import { findKustomize, NEEDED_MAJOR } from './kustomize.mjs';

/** `runBy` is the module that runs the program. test/src/setup/programs.test.ts checks this table against the tests. */
export const TEST_PROGRAMS = [
  { name: 'redis-server', runBy: 'test/src/support/redis.ts', debian: 'redis-server', brew: 'redis' },
  { name: 'haproxy', runBy: 'test/src/support/load-balancer.ts', debian: 'haproxy' },
  { name: 'promtool', runBy: 'test/src/support/promtool.ts', debian: 'prometheus' },
  { name: 'prometheus', runBy: 'test/src/support/prometheus.ts', debian: 'prometheus' },
  {
    name: 'prometheus-redis-exporter',
    runBy: 'test/src/monitoring/stores.test.ts',
    debian: 'prometheus-redis-exporter',
  },
  // The part of Chromium that the tests need. It takes a quarter of the CPU time of the whole.
  {
    name: 'chromium-headless-shell',
    runBy: 'test/src/support/browser.ts',
    debian: 'chromium-headless-shell',
  },
  // The runbooks use it.
  { name: 'jq', runBy: 'test/src/monitoring/runbook.ts', debian: 'jq' },
  {
    name: `kustomize ${NEEDED_MAJOR} or later (alone, or in a kubectl from 1.27 on)`,
    runBy: 'test/src/k8s/render.ts',
    debian: 'kubernetes-client',
    brew: 'kustomize',
    find: findKustomize,
  },
];

/**
 * The programs that these tests need.
 * @param {readonly string[]} tests absolute paths
 */
export async function programsNeededBy(tests) {
  const modules = await withImports(tests);
  return TEST_PROGRAMS.filter(({ runBy }) => modules.has(join(ROOT, runBy)));
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
