// `scripts/image-check`: builds every image and looks into it; runs the migrations, then every service, from their images
// on read-only root file systems, against a real PostgreSQL and a real Redis; places an order; ends them with SIGTERM.
import { AssertionError } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureProgram } from '../programs.mjs';
import { runMain, setUp } from '../setup.mjs';
import { commandLine } from '../src/command-line.js';
import { StepFailed, timed } from '../steps.mjs';
import { baseImage } from './base.mjs';
import { buildImages, imageOf, provenance, TARGETS } from './build.mjs';
import { openBuildah } from './buildah.mjs';
import { openContainer } from './container.mjs';
import { checkConfig, checkFiles } from './contents.mjs';
import { runSystem } from './system.mjs';

commandLine('images:check');
await runMain(async () => {
  const buildah = await openBuildah();
  await ensureProgram({ program: 'redis-server', debianPackage: 'redis-server' });
  await setUp();
  const base = await baseImage(buildah);
  const labels = await provenance();
  const seconds = await buildImages(buildah, base, labels);
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-images-'));
  const containers = {};
  try {
    for (const target of TARGETS) containers[target] = await openContainer(buildah, imageOf(target));
    const files = await timed('looking into the images', () => look(containers, labels));
    const memory = await runSystem(containers, folder, labels);
    await report(buildah, base, { files, seconds, memory });
  } catch (error) {
    throw error instanceof AssertionError ? new StepFailed(`FAILED: ${error.message}`) : error;
  } finally {
    for (const container of Object.values(containers)) await container.remove();
    await rm(folder, { recursive: true, force: true });
  }
});

async function look(containers, labels) {
  const files = {};
  for (const target of TARGETS) {
    checkConfig(containers[target].config, target, labels);
    files[target] = await checkFiles(containers[target].root);
  }
  return files;
}

async function report(buildah, base, { files, seconds, memory }) {
  const sizes = JSON.parse(await buildah.ask('images', '--json'));
  const sizeOf = (image) => sizes.find(({ names }) => names?.some((name) => name.startsWith(image)))?.size;
  console.log(`\n  built on ${base} (${sizeOf(base)})`);
  console.table(
    Object.fromEntries(
      TARGETS.map((target) => [
        `holdfast/${target}`,
        {
          size: sizeOf(imageOf(target)),
          files: files[target],
          'built in s': Math.round(seconds[target]),
          'most memory': memory[target] ?? '–',
        },
      ]),
    ),
  );
  console.log('PASSED: every image runs on a read-only root as user 10001, and an order was CONFIRMED');
}
