// Jest runs files named *.test.ts. The tests of every other file run only when one of these imports it, directly or through others.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { expect, it } from '@jest/globals';

const isSuite = (file: string): boolean => file.endsWith('.test.ts');

function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(/^(?:import|export)(?! type)[^;]*?'(\.[^']+)'|\bimport\('(\.[^']+)'/gm)].map(
    ([, name, late = '']) => join(dirname(file), name ?? late),
  );
}

it('every file with tests is a suite, or a suite imports it', () => {
  const files = globSync('{bench,gateway,local,platform,prisma,subgraphs/*,test,web}/src/**/*.ts', {
    cwd: ROOT,
  });
  const texts = new Map(files.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));
  const reached = new Set(files.filter(isSuite));
  for (const file of reached)
    for (const imported of importsOf(file, texts.get(file) ?? '')) reached.add(imported);
  const withTests = files.filter((file) => texts.get(file)?.includes("from '@jest/globals'"));
  expect(withTests.length).toBeGreaterThan(100);
  expect(withTests.filter((file) => !reached.has(file))).toEqual([]);
});
