// Programs of the system that tests and checks run and npm does not bring, such as redis-server: this makes sure that they
// are there.
import { constants } from 'node:fs';
import { access, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run, StepFailed, timed } from '../../local/src/setup/steps.mjs';

/** Where Debian has haproxy. The PATH of an ordinary user lacks these folders. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/sbin'];
/** Asked by Debian's packages before they start a service; 101 is "no". */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

/**
 * Makes sure that this process and those that it starts find `program` by its name: looks in PATH and in the system's
 * folders, or in `folder` alone, and installs Debian's package when there is none and we may. Throws StepFailed, saying
 * what to do.
 */
export async function ensureProgram({ program, debianPackage, brewPackage = debianPackage, folder }) {
  searchSystemFolders();
  const isThere = () => (folder === undefined ? isInPath(program) : isInOneOf([folder], program));
  if (await isThere()) return;
  const missing = (why = '') => {
    const how =
      process.platform === 'darwin'
        ? `brew install ${brewPackage}`
        : `apt-get install ${debianPackage}, or your system's package`;
    return new StepFailed(`${program} is needed and is not in ${folder ?? 'PATH'} (${how})${why}`);
  };
  if (process.getuid?.() !== 0 || !(await isInPath('apt-get'))) throw missing();
  try {
    await timed(`installing ${debianPackage}`, () => installPackages([debianPackage]));
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    throw missing(`; installing it failed: ${error.message}`);
  }
  if (!(await isThere())) throw missing();
}

/** Adds the system's folders to the end of PATH, unless they are in it. */
function searchSystemFolders() {
  const folders = searchedFolders();
  const missing = SYSTEM_FOLDERS.filter((folder) => !folders.includes(folder));
  process.env.PATH = [...folders, ...missing].join(delimiter);
}

const searchedFolders = () => (process.env.PATH ?? '').split(delimiter).filter(Boolean);

/** Installs Debian's packages, and starts nothing. Throws StepFailed. */
export async function installPackages(names) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { env });
  await withoutServices(() =>
    run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...names], { env }),
  );
}

/** A package must not start a server of its own: the tests start theirs. A policy that is there already stays. */
async function withoutServices(work) {
  const policy = await writeFile(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { flag: 'wx', mode: 0o755 }).then(
    () => SERVICE_POLICY,
    (error) => {
      if (error.code !== 'EEXIST') throw error;
    },
  );
  try {
    await work();
  } finally {
    if (policy) await rm(policy);
  }
}

export const isInPath = (program) => isInOneOf(searchedFolders(), program);

async function isInOneOf(folders, program) {
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
