// The tests run against a real redis-server: this makes sure that there is one.
import { installPackages, isInPath } from './debian.mjs';
import { StepFailed, timed } from './steps.mjs';

/** Installs Debian's package when there is no redis-server and we may. Throws StepFailed, saying what to do. */
export async function ensureRedisServer() {
  if (await isInPath('redis-server')) return;
  if (process.getuid?.() !== 0 || !(await isInPath('apt-get'))) throw missing();
  try {
    await timed('installing redis-server', () => installPackages(['redis-server']));
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    throw missing(`; installing it failed: ${error.message}`);
  }
  if (!(await isInPath('redis-server'))) throw missing();
}

function missing(why = '') {
  const how =
    process.platform === 'darwin'
      ? 'brew install redis'
      : "apt-get install redis-server, or your system's package";
  return new StepFailed(`the tests need redis-server in PATH (${how})${why}`);
}
