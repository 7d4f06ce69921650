// Compares docs/architecture.md with the code: each file and function that its drawings and its table of promises name exists, and the
// steps of a request have one order in both.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { describe, expect, it } from '@jest/globals';
import { blocksOf, proseOf } from './documents.ts';

const drawings = blocksOf('docs/architecture.md').filter(({ language }) => language === 'mermaid');
const [, request = { text: '' }] = drawings;
const gateway = readFileSync(join(ROOT, 'gateway/src/gateway.ts'), 'utf8');

/** Each `file: function` of a drawing, with the folder of the frame around it. */
function named(drawing: string): [file: string, name: string][] {
  return drawing.split(/^ {2}subgraph /m).flatMap((framed) => {
    const folder = /^\w+\["([^"]+)"\]/.exec(framed)?.[1] ?? '';
    return [...framed.matchAll(/([\w/-]+\.ts): (\w+)/g)].map(([, file = '', name = '']): [string, string] => [
      join(folder, file),
      name,
    ]);
  });
}

/** Whether a source declares a function (of SQL, too), a class, a constant or a member of a returned object. */
const declares = (source: string, name: string): boolean =>
  new RegExp(
    `\\b(function|class|const|async) ${name}\\b|^\\s+${name}(\\(|: )|CREATE FUNCTION "\\w+"."${name}"`,
    'm',
  ).test(source);

it.each(drawings.flatMap(({ text }) => named(text)))('%s has %s', (file, name) => {
  expect(declares(readFileSync(join(ROOT, file), 'utf8'), name)).toBe(true);
});

describe('the table of promises', () => {
  const [, table = ''] = proseOf('docs/architecture.md').split('## Where each promise is held');
  const rows = [...table.matchAll(/^\| (?!promise|---)(.*) \| (.*) \| (.*) \|$/gm)];

  it('has a row for each promise', () => {
    expect(rows.length).toBeGreaterThan(15);
  });

  it.each(rows.map(([, promise = '', code = '', tests = '']) => ({ promise, code, tests })))(
    'names code and a test that exist: $promise',
    ({ code, tests }) => {
      const parts = [...code.matchAll(/`(\S+\.(?:ts|sql)): (\w+)`/g)];
      expect(parts).not.toEqual([]);
      for (const [, file = '', name = ''] of parts)
        expect([file, name, declares(readFileSync(join(ROOT, file), 'utf8'), name)]).toEqual([
          file,
          name,
          true,
        ]);
      const paths = [...tests.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
      expect(paths).not.toEqual([]);
      expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    },
  );
});

it('names a file for every step of a request, and for an order the files of both services', () => {
  const files = drawings.map(({ text }) => named(text).map(([file]) => file));
  expect(files.map(({ length }) => length)).toEqual([0, expect.any(Number), expect.any(Number)]);
  for (const [, , text = ''] of request.text.matchAll(/(\w+)\["(\d+ [^"]+)"\]/g))
    expect(text).toMatch(/\.ts: \w+/);
  expect(new Set(files[2]?.map((file) => file.split('/')[1]))).toEqual(new Set(['orders', 'products']));
});

describe('the steps of a request', () => {
  const drawn = [...request.text.matchAll(/(\w+)\["(\d+) ([a-z ]+)</g)].map(
    ([, node = '', number, name = '']) => ({
      node,
      number: Number(number),
      name,
    }),
  );
  /** As the comments of the code number them, where they stand. */
  const coded = [...gateway.matchAll(/\b(\d+)\. ([a-z]+(?: (?!and )[a-z]+)*)/g)].map(([, number, name]) => ({
    number: Number(number),
    name,
  }));

  it('are those of the code', () => {
    expect(coded.toSorted((a, b) => a.number - b.number)).toEqual(
      drawn.map(({ number, name }) => ({ number, name })),
    );
    expect(drawn.map(({ number }) => number)).toEqual(drawn.map((_, index) => index + 1));
  });

  it('are taken in the order of their numbers: what an operation takes, and around it what every request takes', () => {
    const numbers = coded.map(({ number }) => number);
    const outer = numbers.indexOf(1);
    for (const run of [numbers.slice(0, outer), numbers.slice(outer)])
      expect(run).toEqual(run.toSorted((a, b) => a - b));
    const numberOf = new Map(drawn.map(({ node, number }) => [node, number]));
    for (const line of request.text.split('\n').filter((each) => each.includes('-->'))) {
      const ranks = line
        .split('-->')
        .map((nodes) => nodes.split('&').map((node) => numberOf.get(node.trim()) ?? 0));
      const steps = ranks.map((of) => Math.max(...of)).filter((step) => step > 0);
      expect([line, steps]).toEqual([line, steps.toSorted((a, b) => a - b)]);
    }
  });
});
