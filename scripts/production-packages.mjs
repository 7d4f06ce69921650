// For the images: installs what one workspace runs on, `node scripts/production-packages.mjs @holdfast/users`, and takes out of
// it what no process reads. The folder then holds node_modules, the workspaces that are linked there, and sbom.json
// (CycloneDX), the list of the packages. Nothing can come in but what package-lock.json says.
import { execFileSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { filesUnder, ROOT } from '../local/src/setup/files.mjs';

const UNREAD = [/\.d\.[cm]?ts$/, /\.(js|[cm]js|d\.[cm]?ts)\.map$/];
/** Prisma's client brings query compilers for databases other than PostgreSQL: more than half of an installation. */
const OTHER_DATABASES = /^query_compiler_\w+_bg\.(cockroachdb|mysql|sqlite|sqlserver)\./;

const workspace = process.argv[2];
const npm = (...args) =>
  execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

npm('ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '-w', workspace);
const sbom = ['--package-lock-only', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
await writeFile(join(ROOT, 'sbom.json'), npm('sbom', ...sbom, '-w', workspace));

// Of the root and of the workspaces, which have the packages that others have in another version.
for (const file of await filesUnder(ROOT, new Set())) {
  const path = relative(ROOT, file);
  const isCompiler = path.includes('node_modules/@prisma/client/') && OTHER_DATABASES.test(basename(path));
  const isUnread = path.includes('node_modules/') && UNREAD.some((pattern) => pattern.test(path));
  if (isCompiler || isUnread) await rm(file);
}
