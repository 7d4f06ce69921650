// The rooms of platform/ and local/: each file is in one that the README of its package describes, and rooms import in one order.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { describe, expect, it } from '@jest/globals';

/** The files beside the rooms; every room may import them. In platform/, `redis.ts` is a room of its own. */
const BASE = 'base';

function roomOf(path: string): string {
  const [room = '', file] = path.split('/');
  if (file !== undefined) return room;
  return room === 'redis.ts' ? 'redis' : BASE;
}

/** The source files of a package, relative to its folder src/, with their texts. */
function readSources(name: string): [path: string, text: string][] {
  const src = join(ROOT, name, 'src');
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|m?js)$/.test(path) && !path.endsWith('.test.ts'))
    .map((path) => [path, readFileSync(join(src, path), 'utf8')]);
}

/** The rooms that the README lists, from the one that all may import to the one that may import all. */
function readOrder(name: string): string[] {
  const readme = readFileSync(join(ROOT, name, 'README.md'), 'utf8');
  const listed = [...readme.matchAll(/^(?:- |\| )`([a-z-]+)\/?`/gm)].map(([, room = '']) => room);
  return [...new Set([BASE, ...listed])];
}

describe.each(['platform', 'local'])('%s/', (name) => {
  const sources = readSources(name);
  const order = readOrder(name);

  it('has every file in a room that the README describes', () => {
    expect(new Set(sources.map(([path]) => roomOf(path)))).toEqual(new Set(order));
  });

  it('has files that import only from their own room and from rooms above it', () => {
    const backwards = sources.flatMap(([path, text]) =>
      [...text.matchAll(/(?:from|import\(?) ?'(\.[^']+)'/g)]
        .map(([, target = '']) => relative('.', join(dirname(path), target)))
        .filter((target) => order.indexOf(roomOf(target)) > order.indexOf(roomOf(path)))
        .map((target) => `${path} imports ${target}`),
    );
    expect(backwards).toEqual([]);
  });
});

it('only postgres/ and queue/ of the platform send SQL', () => {
  const senders = readSources('platform').filter(([, text]) => /\.query\(|\bstatement\(/.test(text));
  expect(new Set(senders.map(([path]) => roomOf(path)))).toEqual(new Set(['postgres', 'queue']));
});
