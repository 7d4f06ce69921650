// The drawings of docs/architecture.md and the code: each file and function that they name is there, and the steps of a request stand
// in both in one order.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/settings/settings';
import { describe, expect, it } from '@jest/globals';
import { blocksOf } from './documents.ts';

const drawings = blocksOf('docs/architecture.md').filter(({ language }) => language === 'mermaid');
const [, request = { text: '' }] = drawings;
const gateway = readFileSync(join(ROOT, 'gateway/src/gateway.ts'), 'utf8');

/** Each `file: function` of a drawing; a file stands in the folder that frames it. */
function named(drawing: string): [file: string, name: string][] {
  return drawing.split(/^ {2}subgraph /m).flatMap((framed) => {
    const folder = /^\w+\["([^"]+)"\]/.exec(framed)?.[1] ?? '';
    return [...framed.matchAll(/([\w/-]+\.ts): (\w+)/g)].map(([, file = '', name = '']): [string, string] => [
      join(folder, file),
      name,
    ]);
  });
}

/** What declares a function, a class, or a member of what a function gives. */
const declares = (source: string, name: string): boolean =>
  new RegExp(`\\b(function|class|const|async) ${name}\\b|^\\s+${name}(\\(|: )`, 'm').test(source);

it.each(drawings.flatMap(({ text }) => named(text)))('%s has %s', (file, name) => {
  expect(declares(readFileSync(join(ROOT, file), 'utf8'), name)).toBe(true);
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
