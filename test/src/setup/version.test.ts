// One version everywhere: package.json names it, and what else names one agrees. `/openapi.json` and the metrics read it.
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { expect, it } from '@jest/globals';
import { z } from 'zod';

const read = (path: string) => readFile(join(ROOT, path), 'utf8');
const manifest = z.object({ version: z.string() });
const lockFile = z.object({ packages: z.record(z.string(), manifest.partial()) });
const { version } = manifest.parse(JSON.parse(await read('package.json')));

it('is in every package.json and in the lock file', async () => {
  const { packages } = lockFile.parse(JSON.parse(await read('package-lock.json')));
  const workspaces = Object.keys(packages).filter((path) => !path.includes('node_modules/'));
  expect(workspaces.length).toBeGreaterThan(8);
  for (const path of workspaces) {
    const own = manifest.parse(JSON.parse(await read(join(path, 'package.json'))));
    expect([path, own.version, packages[path]?.version]).toEqual([path, version, version]);
  }
});

it('is that of the images, where they are built, described and deployed', async () => {
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

it('has a part of the changelog', async () => {
  expect(await read('CHANGELOG.md')).toContain(`\n## [${version}]`);
});
