// The image to build on: the Containerfile's own, or, where no image registry can be reached, the same thing made here:
// Debian 12 by debootstrap, Node as it is published on npm's registry, and the npm of this machine.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installPackages, isInPath } from '../programs.mjs';
import { ROOT, run, StepFailed, timed } from '../steps.mjs';

const execute = promisify(execFile);
const PULL_WITHIN = '60';
const DEBIAN = 'bookworm';
const MIRROR = 'http://deb.debian.org/debian';
const CERTIFICATES = 'etc/ssl/certs/ca-certificates.crt';

/** The name of the image to build on: `BASE` when it is set. */
export async function baseImage(buildah) {
  if (process.env.BASE) return process.env.BASE;
  const version = /^ARG NODE_VERSION=(\S+)$/m.exec(await readFile(join(ROOT, 'Containerfile'), 'utf8'))?.[1];
  if (version === undefined) throw new StepFailed('Containerfile has no line ARG NODE_VERSION=…');
  const published = `docker.io/library/node:${version}-${DEBIAN}-slim`;
  const local = `localhost/holdfast/base:${version}`;
  if (await has(buildah, published)) return published;
  if (await has(buildah, local)) return local;
  try {
    await timed(`pulling ${published}`, () =>
      run('timeout', [PULL_WITHIN, 'buildah', ...buildah.options, 'pull', published], { quiet: true }),
    );
    return published;
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
  }
  await timed(`making ${local} instead, of Debian's packages and Node's`, () =>
    makeBase(buildah, local, version),
  );
  return local;
}

async function has(buildah, image) {
  return buildah.ask('images', '-q', image).then(
    (id) => id !== '',
    () => false,
  );
}

async function makeBase(buildah, name, version) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-base-'));
  try {
    const root = join(folder, 'root');
    if (!(await isInPath('debootstrap'))) await installPackages(['debootstrap']);
    await run('debootstrap', ['--variant=minbase', DEBIAN, root, MIRROR]);
    await rm(join(root, 'var/cache/apt'), { recursive: true, force: true });
    await rm(join(root, 'var/lib/apt/lists'), { recursive: true, force: true });
    await addNode(root, folder, version);
    await addNpm(root);
    await commit(buildah, root, name);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function addNode(root, folder, version) {
  const name = `node-linux-${process.arch}`;
  await run('npm', ['pack', `${name}@${version}`, '--pack-destination', folder]);
  const archive = join(folder, `${name}-${version}.tgz`);
  await run('tar', ['-xzf', archive, '-C', folder, 'package/bin/node']);
  await cp(join(folder, 'package/bin/node'), join(root, 'usr/local/bin/node'));
}

/** And the certificates that this machine trusts, with which its npm reaches the registry. */
async function addNpm(root) {
  const { stdout } = await execute('npm', ['root', '--global']);
  const modules = join(root, 'usr/local/lib/node_modules');
  await mkdir(modules, { recursive: true });
  await cp(join(stdout.trim(), 'npm'), join(modules, 'npm'), { recursive: true, dereference: true });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  await mkdir(join(root, 'etc/ssl/certs'), { recursive: true });
  await cp(join('/', CERTIFICATES), join(root, CERTIFICATES));
  await mkdir(join(root, 'usr/local/etc'), { recursive: true });
  await writeFile(join(root, 'usr/local/etc/npmrc'), `cafile=/${CERTIFICATES}\n`);
}

async function commit(buildah, root, name) {
  const container = await buildah.ask('from', 'scratch');
  await buildah.run('copy', container, root, '/');
  await buildah.run('config', '--env', 'PATH=/usr/local/bin:/usr/bin:/bin', container);
  await buildah.run('commit', '--rm', container, name);
}
