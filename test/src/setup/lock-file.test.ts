// What package-lock.json pins: every package of the registry by its version and its content.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { ROOT } from '../../../local/src/root.ts';

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

const { packages } = lockFile.parse(JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')));
const installed = Object.entries(packages).filter(
  ([path, { link }]) => path.includes('node_modules/') && !link,
);

// npm leaves it out of the packages of other platforms when it has taken the rest from its cache. `npm view NAME@VERSION
// dist.integrity` says what belongs there.
test('no package is without a checksum', () => {
  expect(installed.length).toBeGreaterThan(500);
  const without = installed.filter(
    ([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''),
  );
  expect(without.map(([path, { version }]) => `${path}@${version}`)).toEqual([]);
});

test('no package comes from anywhere but the registry', () => {
  const elsewhere = installed.filter(
    ([, { resolved = '' }]) => !/^(https:\/\/registry\.npmjs\.org\/|$)/.test(resolved),
  );
  expect(elsewhere.map(([path]) => path)).toEqual([]);
});
