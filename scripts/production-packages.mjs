// For the images, `node scripts/production-packages.mjs @holdfast/users`: installs the packages that one workspace needs in
// production and deletes the files in them that no process reads. The folder then holds node_modules, the linked workspaces, and
// sbom.json (CycloneDX), the list of the packages. npm installs only what package-lock.json lists.
// It imports no other file of ours, so that the images need only this one to install packages.
import { execFileSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const UNREAD = [/\.d\.[cm]?ts$/, /\.(js|[cm]js|d\.[cm]?ts)\.map$/];
/** Prisma's client brings query compilers for databases other than PostgreSQL: more than half of an installation. */
const OTHER_DATABASES = /^query_compiler_\w+_bg\.(cockroachdb|mysql|sqlite|sqlserver)\./;

/**
 * Deletes the unread files of packages below a folder. The root and the workspaces have folders of packages: npm puts a second
 * version of a package into the workspace that needs it. Links are not followed, because node_modules links to the workspaces,
 * whose files would otherwise be deleted twice (`readdir` with `recursive` follows them).
 * @param {string} folder
 */
export async function deleteUnread(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await deleteUnread(path);
    else if (entry.isFile() && isUnread(path)) await rm(path);
  }
}

/** @param {string} path */
function isUnread(path) {
  if (path.includes('node_modules/@prisma/client/') && OTHER_DATABASES.test(basename(path))) return true;
  return path.includes('node_modules/') && UNREAD.some((pattern) => pattern.test(path));
}

/** @param {string} workspace */
async function installFor(workspace) {
  npm('ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '-w', workspace);
  const sbom = ['--package-lock-only', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
  await writeFile(join(ROOT, 'sbom.json'), npm('sbom', ...sbom, '-w', workspace));
  await deleteUnread(ROOT);
}

/** @param {string[]} args */
function npm(...args) {
  return execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

if (import.meta.main) await installFor(process.argv[2] ?? '');
