// How large a document is once its fragments are expanded, counted without expanding them.
import { describe, expect, it } from '@jest/globals';
import { parse } from 'graphql';
import { expandedSize } from './expanded.ts';

const size = (text: string) => expandedSize(parse(text));
const times = (count: number, part: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => part(index)).join(' ');

/** Each fragment spreads the next one twice, under another condition each time. */
const doubling = (levels: number) =>
  `query ($a: Boolean!, $b: Boolean!) { ...f0 }
   ${times(levels, (n) => `fragment f${n} on Query { ...f${n + 1} @include(if: $a) ...f${n + 1} @skip(if: $b) }`)}
   fragment f${levels} on Query { __typename }`;

describe('selections', () => {
  it('are fields, __typename, inline fragments and spreads, introspection too', () => {
    expect(size('{ me { id name: username __typename } }').selections).toBe(4);
    expect(size('{ me { ... { id } ... on User { id } } __schema { types { name } } }').selections).toBe(8);
    expect(size('{ ...f ...f } fragment f on Query { me { id } }').selections).toBe(2 * 3);
  });

  it('are counted in every operation and in fragments that none spreads', () => {
    expect(size('query a { me { id } } query b { ...f } fragment f on Query { a b }').selections).toBe(2 + 3);
    expect(size('{ me } fragment f on Query { ...g } fragment g on Query { a b }').selections).toBe(1 + 3);
    expect(size('{ ...f } fragment f on Query { a b c } fragment f on Query { a }').selections).toBe(2 + 3);
  });

  it('of fragments that double are counted at once, beyond what numbers can say', () => {
    expect(size(doubling(15)).selections).toBe(3 * 2 ** 15 - 1);
    const document = parse(doubling(1_100));
    const before = process.cpuUsage();
    expect(expandedSize(document).selections).toBe(Number.POSITIVE_INFINITY);
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(500);
  });

  it('are counted however deep they are', () => {
    expect(size(`{ ${'a { '.repeat(990)} b ${' }'.repeat(990)} }`).selections).toBe(991);
  });

  it('of fragments in a circle come to an end', () => {
    expect(
      size('{ ...a } fragment a on Query { ...b ...b } fragment b on Query { ...a id }').selections,
    ).toBe(7);
    expect(size('{ ...nothing ...constructor }').selections).toBe(2);
  });
});

describe('conditions', () => {
  it('are the different variables of @skip and @include, wherever they stand', () => {
    const text = `query ($a: Boolean!, $b: Boolean!, $c: Boolean!) {
      me @include(if: $a) @skip(if: $b) { id @skip(if: $a) } ...f @include(if: true)
    } fragment f on Query { ... @include(if: $c) { me { orders(first: $d) { edges { cursor @other(if: $e) } } } } }`;
    expect(size(text).conditions).toBe(3);
  });
});
