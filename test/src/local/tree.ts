// A copy of the sources for tests that change some of them. It has the packages and the generated
// files of this tree, and the digests of their inputs, so that a command generates only what a test has changed.
import { cp, mkdir, mkdtemp, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { COMPILE_CACHE } from '@holdfast/local/settings/services';

const NOT_COPIED = new Set(['node_modules', '.git', '.data']);

/** Makes a copy and resolves with its folder. */
export async function copyTree(): Promise<string> {
  const tree = await mkdtemp(join(tmpdir(), 'holdfast-tree-'));
  await cp(ROOT, tree, { recursive: true, filter: (path) => !NOT_COPIED.has(basename(path)) });
  const packages = join(tree, 'node_modules');
  await mkdir(join(packages, '@holdfast'), { recursive: true });
  for (const name of await readdir(join(ROOT, 'node_modules')))
    if (name !== '@holdfast' && name !== '.cache')
      await symlink(join(ROOT, 'node_modules', name), join(packages, name));
  const digests = 'node_modules/.cache/holdfast';
  await cp(join(ROOT, digests), join(tree, digests), { recursive: true });
  // Node has compiled the packages already. It adds what it compiles of the copy, some MB that stay there: a copy of this cache takes
  // seconds.
  await symlink(COMPILE_CACHE, join(tree, relative(ROOT, COMPILE_CACHE)));
  await linkWorkspaces(tree);
  return tree;
}

/** Links the copy's own packages, and the packages that npm installed for only one of them. */
async function linkWorkspaces(tree: string): Promise<void> {
  const links = 'node_modules/@holdfast';
  for (const name of await readdir(join(ROOT, links))) {
    await symlink(await readlink(join(ROOT, links, name)), join(tree, links, name));
    const own = join(links, name, 'node_modules');
    const installed = await readdir(join(ROOT, own)).catch(() => []);
    // Vite creates a folder there.
    if (installed.some((name) => !name.startsWith('.'))) await symlink(join(ROOT, own), join(tree, own));
  }
}

export const removeTree = (tree: string) => rm(tree, { recursive: true, force: true });
