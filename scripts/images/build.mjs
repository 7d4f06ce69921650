// Builds the images of the Containerfile, each named holdfast/<target>.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT, StepFailed, timed } from '../steps.mjs';

const execute = promisify(execFile);

export const SERVICES = ['users', 'products', 'orders', 'gateway'];
export const TARGETS = ['migrations', ...SERVICES];

export const imageOf = (target) => `localhost/holdfast/${target}`;

/** What the labels of the images are to say. */
export async function provenance() {
  const git = (...args) =>
    execute('git', args, { cwd: ROOT }).then(
      ({ stdout }) => stdout.trim(),
      () => '',
    );
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const remote = await git('remote', 'get-url', 'origin');
  return {
    VERSION: version,
    REVISION: (await git('rev-parse', 'HEAD')) || 'unknown',
    SOURCE: /^https:\/\/[^@]*$/.test(remote) ? remote : '',
  };
}

/** Builds every target, to run on `RUNTIME_BASE` when it is set, and gives the seconds that each took. */
export async function buildImages(buildah, base, labels) {
  const seconds = {};
  for (const target of TARGETS) {
    const started = performance.now();
    await timed(`building ${target}`, () => build(buildah, base, labels, target));
    seconds[target] = (performance.now() - started) / 1000;
  }
  return seconds;
}

async function build(buildah, base, labels, target) {
  const runtime = process.env.RUNTIME_BASE && { RUNTIME_BASE: process.env.RUNTIME_BASE };
  const args = Object.entries({ BASE: base, ...runtime, ...labels }).map(
    ([name, value]) => `--build-arg=${name}=${value}`,
  );
  const how = ['--isolation', 'chroot', '--layers', '--file', 'Containerfile'];
  const what = ['--target', target, '--tag', imageOf(target)];
  await buildah.run('bud', ...how, ...args, ...what, '.').catch((error) => {
    throw error instanceof StepFailed ? new StepFailed(`${imageOf(target)} was not built`) : error;
  });
}
