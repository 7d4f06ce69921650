// The rooms of local/: each file is in one that the README describes, and imports only from that room and from rooms above it.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from '@jest/globals';

const SRC = import.meta.dirname;
const README = readFileSync(join(SRC, '../README.md'), 'utf8');
/** '' is for the files beside the rooms, from which every room may import. */
const ORDER = ['', ...[...README.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, room = '']) => room)];

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
  (path) => /\.(ts|m?js)$/.test(path) && !path.endsWith('.test.ts'),
);

const roomOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');

it('every file is in a room that the README describes', () => {
  expect(new Set(sources.map(roomOf))).toEqual(new Set(ORDER));
});

it('a file imports from its own room and from rooms above it', () => {
  const backwards = sources.flatMap((path) => {
    const text = readFileSync(join(SRC, path), 'utf8');
    return [...text.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)]
      .map(([, target = '']) => relative(SRC, join(SRC, dirname(path), target)))
      .filter((target) => ORDER.indexOf(roomOf(target)) > ORDER.indexOf(roomOf(path)))
      .map((target) => `${path} imports ${target}`);
  });
  expect(backwards).toEqual([]);
});
