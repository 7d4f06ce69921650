// The rooms of the platform: in which order they import each other, and which of them send SQL.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from '@jest/globals';

const SRC = import.meta.dirname;
const README = readFileSync(join(SRC, '../README.md'), 'utf8');
/** From the room that all may import to the one that imports all. */
const ORDER = [...README.matchAll(/^- `([a-z]+)\/?`/gm)].map(([, room = '']) => room);

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'),
);

const roomOf = (path: string): string => {
  const [room = '', file] = path.split('/');
  if (file !== undefined) return room;
  return room === 'redis.ts' ? 'redis' : 'base';
};

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

it('only postgres/ and queue/ send SQL', () => {
  const senders = sources.filter((path) =>
    /\.query\(|\bstatement\(/.test(readFileSync(join(SRC, path), 'utf8')),
  );
  expect(new Set(senders.map(roomOf))).toEqual(new Set(['postgres', 'queue']));
});
