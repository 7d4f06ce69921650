// buildah, which builds images without a daemon, with a store of its own for the images of this check.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installPackages, isInPath } from '../programs.mjs';
import { ROOT, run, StepFailed, timed } from '../steps.mjs';

const execute = promisify(execFile);
const STORE = join(ROOT, 'node_modules/.cache/holdfast/images');
const MAX_OUTPUT = 64 * 1024 * 1024;

/**
 * Makes sure that there is a buildah that we may use, and gives its calls. Containers are run by root with mounts of
 * their own. Throws StepFailed, saying what is missing.
 */
export async function openBuildah() {
  if (process.platform !== 'linux') throw new StepFailed('images are checked on Linux only');
  if (process.getuid() !== 0)
    throw new StepFailed('root is needed, to mount what is in an image and run it as another user');
  if (!(await isInPath('buildah'))) await installBuildah();
  await mkdir(STORE, { recursive: true });
  return calls(await workingDriver());
}

async function installBuildah() {
  const missing = 'buildah is not in PATH (apt-get install buildah)';
  if (!(await isInPath('apt-get'))) throw new StepFailed(missing);
  await timed('installing buildah', () => installPackages(['buildah'])).catch((error) => {
    throw new StepFailed(`${missing}; installing it failed: ${error.message}`);
  });
}

function calls(driver) {
  const options = storeOptions(driver);
  /** What it prints, without the line break at the end. Throws with its last words. */
  const ask = async (...args) => {
    const { stdout } = await execute('buildah', [...options, ...args], { cwd: ROOT, maxBuffer: MAX_OUTPUT });
    return stdout.trim();
  };
  return {
    driver,
    options,
    ask,
    /** For what takes long: its output is shown when it fails. */
    run: (...args) => run('buildah', [...options, ...args]),
    /** The configuration of an image or a container, as the OCI image specification has it. */
    configOf: async (name, type) => JSON.parse(await ask('inspect', '--type', type, name)).OCIv1.config,
  };
}

function storeOptions(driver) {
  return [
    '--storage-driver',
    driver,
    '--root',
    join(STORE, driver),
    '--runroot',
    join(STORE, `${driver}-run`),
  ];
}

/** overlay, where the kernel has it; vfs copies every layer and works everywhere. */
async function workingDriver() {
  if (existsSync(join(STORE, 'vfs'))) return 'vfs';
  const { ask } = calls('overlay');
  try {
    const container = await ask('from', 'scratch');
    await ask('mount', container);
    await ask('rm', container);
    return 'overlay';
  } catch {
    return 'vfs';
  }
}
