import { describe, expect, it } from '@jest/globals';
import { entityTag, hasCurrent, parseTagCondition, readIfMatch, readIfNoneMatch } from './entity-tag.ts';

describe('the entity tag of a version', () => {
  it('is the version in double quotes, strong', () => {
    expect(entityTag(7)).toBe('"7"');
  });
});

describe('parsing a condition', () => {
  it('takes a star, a tag, a weak tag, and lists with empty members and any spaces', () => {
    expect(parseTagCondition(' * ')).toEqual({ kind: 'any' });
    expect(parseTagCondition('"7"')).toEqual({ kind: 'tags', tags: [{ weak: false, opaque: '7' }] });
    expect(parseTagCondition('W/"7"')).toEqual({ kind: 'tags', tags: [{ weak: true, opaque: '7' }] });
    expect(parseTagCondition(', "a,b" ,\tW/"" ,')).toEqual({
      kind: 'tags',
      tags: [
        { weak: false, opaque: 'a,b' },
        { weak: true, opaque: '' },
      ],
    });
  });

  it.each(['', ',', '7', '"7', '7"', '"7" "8"', '"7", 8', 'w/"7"', '*, "7"', '"a b"'])(
    'refuses %j',
    (value) => {
      expect(parseTagCondition(value)).toBeUndefined();
    },
  );

  it('takes time in proportion to the length of what came', () => {
    const startedAt = performance.now();
    expect(parseTagCondition(`${'"1", '.repeat(20_000)}x`)).toBeUndefined();
    expect(parseTagCondition(' '.repeat(16_000))).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});

describe('If-Match', () => {
  it('compares strongly: a weak tag never matches, nor does one that is no version', () => {
    expect(readIfMatch('"7", W/"8", "x", "09", "99999999999"')).toEqual(new Set([7]));
    expect(readIfMatch('W/"7"')).toEqual(new Set());
  });

  it('tells the star from the absent field', () => {
    expect(readIfMatch('*')).toBe('any');
    expect(readIfMatch(undefined)).toBeUndefined();
  });

  it('is refused when malformed, and the message says what a tag looks like', () => {
    expect(() => readIfMatch('7')).toThrow(
      'If-Match: expected * or entity tags in double quotes, as they came in ETag ("7"), got "7"',
    );
  });
});

describe('If-None-Match', () => {
  it('compares weakly, in lists, and takes the star for any version', () => {
    for (const value of ['"7"', 'W/"7"', '"6", W/"7"', '*']) expect(hasCurrent(value, 7)).toBe(true);
    for (const value of ['"8"', undefined, '"70"']) expect(hasCurrent(value, 7)).toBe(false);
  });

  it('counts as absent when malformed on a read, and is refused on a write', () => {
    expect(hasCurrent('7', 7)).toBe(false);
    expect(() => readIfNoneMatch('7')).toThrow('If-None-Match: expected * or entity tags in double quotes');
    expect(readIfNoneMatch(undefined)).toBeUndefined();
  });
});
