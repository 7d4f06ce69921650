// The direction of imports in the three services: main → server → resolvers → domain → data.
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { describe, expect, it } from '@jest/globals';

const SUBGRAPHS = join(ROOT, 'subgraphs');

/** The imports of the files that match, as "FILE imports FILE", without those of tests and generated code. */
function importsOf(pattern: string): string[] {
  return globSync(pattern, { cwd: SUBGRAPHS })
    .filter((file) => !/\.test\.ts$|\/test\/|testing|generated/.test(file))
    .flatMap((file) =>
      [...readFileSync(join(SUBGRAPHS, file), 'utf8').matchAll(/(?:from|import\(?) ?'([^']+)'/g)].map(
        ([, name = '']) =>
          name.startsWith('.')
            ? `${file} imports ${normalize(join(dirname(file), name))}`
            : `${file} imports ${name}`,
      ),
    );
}

describe.each(['users', 'products', 'orders'])('the service %s', (service) => {
  it('has resolvers and a context without an import of data/', () => {
    const imports = ['resolvers', 'context'].flatMap((name) => importsOf(`${service}/src/${name}.ts`));
    expect(imports.length).toBeGreaterThan(0);
    expect(imports.filter((line) => line.includes(' imports') && line.includes('/data/'))).toEqual([]);
  });

  it('has a data/ without an import of domain/, except the table of order states', () => {
    const imports = importsOf(`${service}/src/data/**/*.ts`);
    expect(imports.length).toBeGreaterThan(0);
    const ofDomain = imports.filter((line) => line.split(' imports ')[1]?.includes('/domain/'));
    expect(ofDomain.filter((line) => basename(line) !== 'order-status.ts')).toEqual([]);
  });

  it('declares and sends SQL in data/ only', () => {
    const outside = globSync(`${service}/src/**/*.ts`, { cwd: SUBGRAPHS }).filter(
      (file) => !/\.test\.ts$|\/test\/|testing|generated|\/data\//.test(file),
    );
    expect(outside.length).toBeGreaterThan(5);
    const sends = (file: string) =>
      /\bstatement\(\{|\.query\(/.test(readFileSync(join(SUBGRAPHS, file), 'utf8'));
    expect(outside.filter(sends)).toEqual([]);
    const imports = importsOf(`${service}/src/**/*.ts`).filter((line) => !/^\S+\/data\//.test(line));
    expect(imports.filter((line) => line.endsWith('-statements.ts'))).toEqual([]);
  });

  it('has a domain/ that imports only data/, its own files, metrics and generated types', () => {
    const upward = importsOf(`${service}/src/domain/**/*.ts`).filter((line) => {
      const target = line.split(' imports ')[1] ?? '';
      return (
        target.startsWith(`${service}/`) &&
        !/\/src\/(data|domain|generated|keys|mail)\/|\/src\/metrics\.ts$/.test(target)
      );
    });
    expect(upward).toEqual([]);
  });
});
