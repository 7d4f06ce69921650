// Makes sure that programs which the tests run are installed: finds them, or installs Debian's packages when this process is
// root. In a terminal it asks first.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { isWatched } from '../../local/src/command-line/progress.js';
import { ROOT } from '../../local/src/root.js';
import { run, StepFailed, showStep } from '../../local/src/setup/steps.mjs';

/** Where Debian has haproxy. The PATH of an ordinary user lacks these folders. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/sbin'];
/** dpkg's PATH: without the first folder, packages such as redis-server would start a server when they are installed. */
const DPKG_PATH = [join(ROOT, 'test/programs/no-services'), '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * @typedef {object} Program
 * @property {string} name the program, or what is expected of it in words
 * @property {string} debian the package of Debian
 * @property {string} [brew] the package of Homebrew; default: the name of Debian's
 * @property {() => Promise<boolean>} [find] whether a usable one is installed; default: the name is in PATH
 */

/** How this process may install; the tests give another one. */
const THIS_PROCESS = {
  isRoot: () => process.getuid?.() === 0,
  hasTerminal: () => process.stdin.isTTY === true && isWatched(),
  askQuestion,
  installPackages: (names) => showStep(`installing ${names.join(', ')}`, () => installPackages(names)),
};

/**
 * Makes sure that each program is installed. Afterwards this process and those that it starts find them by their names. Throws
 * StepFailed, which says what is missing and how to install it.
 * @param {readonly Program[]} programs
 */
export async function ensurePrograms(programs, how = THIS_PROCESS) {
  searchSystemFolders();
  const missing = await findMissing(programs);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(({ debian }) => debian))];
  if (!how.isRoot() || !(await isInPath('apt-get'))) throw reportMissing(missing);
  if (how.hasTerminal() && !(await how.askQuestion(`Install ${packages.join(', ')} with apt-get? [Y/n] `)))
    throw reportMissing(missing);
  await how.installPackages(packages);
  const left = await findMissing(missing);
  if (left.length > 0) throw reportMissing(left, 'They are still missing after apt-get install.');
}

async function findMissing(programs) {
  const found = await Promise.all(programs.map(({ name, find }) => find?.() ?? isInPath(name)));
  return programs.filter((_, index) => !found[index]);
}

function reportMissing(programs, why = '') {
  const [manager, kind] = process.platform === 'darwin' ? ['brew', 'brew'] : ['apt-get', 'debian'];
  const packages = new Set(programs.map((program) => program[kind] ?? program.debian));
  return new StepFailed(
    [
      `The chosen tests need programs that are not installed: ${programs.map(({ name }) => name).join(', ')}. ${why}`.trim(),
      `Install them, for example with: ${manager} install ${[...packages].join(' ')}`,
      'npm test -- PATH needs only the programs of the tests under PATH; unit tests need none.',
    ].join('\n'),
  );
}

/** Whether a person answers the question with yes, or only with Enter. */
async function askQuestion(question) {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^(y|yes)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}

/** Installs Debian's packages. No package starts a service, and apt-get asks no question. Throws StepFailed. */
async function installPackages(names) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { env });
  const options = ['-q', '-y', '--no-install-recommends', '-o', `DPkg::Path=${DPKG_PATH.join(':')}`];
  await run('apt-get', ['install', ...options, ...names], { env });
}

/** Adds the system's folders to the end of PATH, unless they are in it. */
function searchSystemFolders() {
  const folders = readPath();
  const missing = SYSTEM_FOLDERS.filter((folder) => !folders.includes(folder));
  process.env.PATH = [...folders, ...missing].join(delimiter);
}

const readPath = () => (process.env.PATH ?? '').split(delimiter).filter(Boolean);

const isInPath = (program) => isInOneOf(readPath(), program);

/**
 * Whether one of the folders has that program.
 * @param {readonly string[]} folders
 * @param {string} program
 */
export async function isInOneOf(folders, program) {
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
