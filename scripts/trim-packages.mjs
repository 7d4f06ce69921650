// Takes out of node_modules what no process reads, for the images: type declarations, source maps, and the query
// compilers that Prisma's client brings for databases other than PostgreSQL. It is more than half of an installation.
import { rm } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { filesUnder, ROOT } from './files.mjs';

const UNREAD = [/\.d\.[cm]?ts$/, /\.(js|[cm]js|d\.[cm]?ts)\.map$/];
const OTHER_DATABASES = /^query_compiler_\w+_bg\.(cockroachdb|mysql|sqlite|sqlserver)\./;

for (const file of await filesUnder(join(ROOT, 'node_modules'), new Set())) {
  const name = basename(file);
  const isCompiler =
    relative(ROOT, file).startsWith('node_modules/@prisma/client/') && OTHER_DATABASES.test(name);
  if (isCompiler || UNREAD.some((pattern) => pattern.test(name))) await rm(file);
}
