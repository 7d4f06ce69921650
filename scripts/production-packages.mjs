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

const workspace = process.argv[2];
const npm = (...args) =>
  execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

npm('ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '-w', workspace);
const sbom = ['--package-lock-only', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
await writeFile(join(ROOT, 'sbom.json'), npm('sbom', ...sbom, '-w', workspace));

// The root and the workspaces have folders of packages: npm puts a second version of a package into the workspace that needs it.
for (const path of await readdir(ROOT, { recursive: true })) {
  const isCompiler = path.includes('node_modules/@prisma/client/') && OTHER_DATABASES.test(basename(path));
  const isUnread = path.includes('node_modules/') && UNREAD.some((pattern) => pattern.test(path));
  if (isCompiler || isUnread) await rm(join(ROOT, path));
}
