// The tests run against real programs, such as redis-server: this makes sure that they are there.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run, StepFailed, timed } from './steps.mjs';

/** Installs Debian's package when there is no such program and we may. Throws StepFailed, saying what to do. */
export async function ensureProgram({ program, debianPackage }) {
  if (await isInPath(program)) return;
  if (process.getuid?.() !== 0 || !(await isInPath('apt-get'))) throw missing(program, debianPackage);
  try {
    await timed(`installing ${program}`, () => install(debianPackage));
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    throw missing(program, debianPackage, `; installing it failed: ${error.message}`);
  }
  if (!(await isInPath(program))) throw missing(program, debianPackage);
}

async function install(debianPackage) {
  // RUNLEVEL=1 keeps the package from starting a server of its own.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run('apt-get', ['update', '-q'], { env });
  await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', debianPackage], { env });
}

function missing(program, debianPackage, why = '') {
  const how =
    process.platform === 'darwin'
      ? `brew install ${debianPackage.replace(/-server$/, '')}`
      : `apt-get install ${debianPackage}, or your system's package`;
  return new StepFailed(`the tests need ${program} in PATH (${how})${why}`);
}

async function isInPath(program) {
  // Debian's haproxy is where only root looks.
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), '/usr/sbin'];
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
