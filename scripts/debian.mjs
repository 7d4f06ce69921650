// Programs of the system that a check needs: is it there, and if not, may we install Debian's package?
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from './steps.mjs';

export async function isInPath(program) {
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

/** Throws StepFailed. */
export async function installPackages(names) {
  // RUNLEVEL=1 keeps a package from starting a server of its own.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run('apt-get', ['update', '-q'], { env });
  await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...names], { env });
}
