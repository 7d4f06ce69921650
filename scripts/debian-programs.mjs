// The tests run against a real redis-server: this makes sure that there is one.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run, StepFailed, timed } from './steps.mjs';

/** Installs Debian's package when there is no redis-server and we may. Throws StepFailed, saying what to do. */
export async function ensureRedisServer() {
  if (await isInPath('redis-server')) return;
  if (process.getuid?.() !== 0 || !(await isInPath('apt-get'))) throw missing();
  try {
    await timed('installing redis-server', install);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    throw missing(`; installing it failed: ${error.message}`);
  }
  if (!(await isInPath('redis-server'))) throw missing();
}

async function install() {
  // RUNLEVEL=1 keeps the package from starting a server of its own.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run('apt-get', ['update', '-q'], { env });
  await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'redis-server'], { env });
}

function missing(why = '') {
  const how =
    process.platform === 'darwin'
      ? 'brew install redis'
      : "apt-get install redis-server, or your system's package";
  return new StepFailed(`the tests need redis-server in PATH (${how})${why}`);
}

async function isInPath(program) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const found = await Promise.all(
    folders.map((folder) =>
      access(join(folder, program), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}
