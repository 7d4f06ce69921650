// What a body of JSON may be like.
import { describe, expect, it } from '@jest/globals';
import { parseJson } from './json.js';

const parse = (text: string, maxValues?: number) => parseJson(Buffer.from(text), maxValues);
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('parseJson', () => {
  it('reads JSON, whatever stands in its strings', () => {
    const value = { a: ['[[[[', '\\', '"', '\\"[', ',,,,'.repeat(1_000), '𝒜'], '{': null };
    expect(parse(JSON.stringify(value))).toEqual(value);
    expect(parse(' "x" ')).toBe('x');
  });

  it('refuses what is no JSON', () => {
    for (const text of ['', '{', '[1,]', '"', '"\\', 'NaN', ']'])
      expect(() => parse(text)).toThrow('A body of well-formed JSON is expected.');
  });

  it('refuses the 65th level and the value after the last', () => {
    expect(() => parse(nested(64))).not.toThrow();
    expect(() => parse(nested(65))).toThrow('at most 64 deep');
    expect(() => parse(nested(1_000_000))).toThrow('at most 64 deep');
    const list = (length: number) => JSON.stringify(Array.from({ length }, () => 1));
    expect(parse(list(999))).toHaveLength(999);
    expect(() => parse(list(1_000))).toThrow('at most 1000 values');
    expect(parse(list(1_000), Number.POSITIVE_INFINITY)).toHaveLength(1_000);
  });
});
