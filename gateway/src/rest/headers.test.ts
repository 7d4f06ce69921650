// The header fields that REST reads and writes: If-Match, If-None-Match, Idempotency-Key, Prefer and Link.
import { describe, expect, it } from '@jest/globals';
import { entityTag, hasCurrent, parseTagCondition, readIfMatch, readIfNoneMatch } from './entity-tag.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import { nextPageLink } from './link.ts';
import { readWaitPreference } from './prefer.ts';

describe('the entity tag of a version', () => {
  it('is the version in double quotes, strong', () => {
    expect(entityTag(7)).toBe('"7"');
  });
});

describe('parsing a condition', () => {
  it('accepts a star, a tag, a weak tag, and lists with empty members and any spaces', () => {
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

  it('takes time in proportion to the length of the field', () => {
    const startedAt = performance.now();
    expect(parseTagCondition(`${'"1", '.repeat(20_000)}x`)).toBeUndefined();
    expect(parseTagCondition(' '.repeat(16_000))).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});

describe('If-Match', () => {
  it('compares strongly: a weak tag or a tag that is not a version never matches', () => {
    expect(readIfMatch('"7", W/"8", "x", "09", "99999999999"')).toEqual(new Set([7]));
    expect(readIfMatch('W/"7"')).toEqual(new Set());
  });

  it('distinguishes the star from an absent field', () => {
    expect(readIfMatch('*')).toBe('any');
    expect(readIfMatch(undefined)).toBeUndefined();
  });

  it('is refused when malformed, and the message shows a valid tag', () => {
    expect(() => readIfMatch('7')).toThrow(
      'If-Match: expected * or entity tags in double quotes, as they came in ETag ("7"), got "7"',
    );
  });
});

describe('If-None-Match', () => {
  it('compares weakly, also in lists, and the star matches every version', () => {
    for (const value of ['"7"', 'W/"7"', '"6", W/"7"', '*']) expect(hasCurrent(value, 7)).toBe(true);
    for (const value of ['"8"', undefined, '"70"']) expect(hasCurrent(value, 7)).toBe(false);
  });

  it('is ignored when malformed on a read, and refused on a write', () => {
    expect(hasCurrent('7', 7)).toBe(false);
    expect(() => readIfNoneMatch('7')).toThrow('If-None-Match: expected * or entity tags in double quotes');
    expect(readIfNoneMatch(undefined)).toBeUndefined();
  });
});

describe('Idempotency-Key', () => {
  it('means the same with and without quotes', () => {
    expect(readIdempotencyKey('8e03978e')).toBe('8e03978e');
    expect(readIdempotencyKey(' "8e03978e" ')).toBe('8e03978e');
    expect(readIdempotencyKey('"a \\"b\\" \\\\"')).toBe('a "b" \\');
    expect(readIdempotencyKey(undefined)).toBeUndefined();
    expect(readIdempotencyKey('x'.repeat(255))).toHaveLength(255);
  });

  it.each(['', '""', 'x'.repeat(256), '"open', '"a\\b"', 'ä', '"a" b', 'a\tb'])('refuses %j', (value) => {
    expect(() => readIdempotencyKey(value)).toThrow(
      /^Idempotency-Key: expected 1 to 255 printable ASCII characters/,
    );
  });
});

describe('Prefer', () => {
  it.each([
    ['respond-async', 0, 'respond-async'],
    ['wait=5', 5_000, 'wait=5'],
    ['WAIT = "5"', 5_000, 'wait=5'],
    ['wait=99', 10_000, 'wait=10'],
    ['wait=0', 0, 'wait=0'],
    ['respond-async, wait=3', 3_000, 'respond-async, wait=3'],
    ['return=minimal; x=1, respond-async; y', 0, 'respond-async'],
    ['wait=1, wait=2', 1_000, 'wait=1'],
    ['wait=soon, respond-async', 0, 'respond-async'],
  ])('%j waits %i ms and applies %j', (value, waitMs, applied) => {
    expect(readWaitPreference(value)).toEqual({ waitMs, applied });
  });

  it.each([undefined, '', 'return=minimal', 'wait', 'wait=-1', 'wait=1.5', ';;;,,='])(
    '%j sets no wait',
    (value) => {
      expect(readWaitPreference(value)).toBeUndefined();
    },
  );
});

describe('Link', () => {
  const after = (endCursor: string) => ({ hasNextPage: true, endCursor });

  it('keeps the other parameters and replaces the cursor', () => {
    expect(nextPageLink('/products', 'limit=5&search=a%20%3Eb&cursor=old', after('new+/='))).toEqual({
      link: '</products?limit=5&search=a+%3Eb&cursor=new%2B%2F%3D>; rel="next"',
    });
    expect(nextPageLink('/orders', '', after('c'))).toEqual({ link: '</orders?cursor=c>; rel="next"' });
  });

  it('is absent on the last page', () => {
    expect(nextPageLink('/orders', '', { hasNextPage: false, endCursor: 'c' })).toEqual({});
    expect(nextPageLink('/orders', '', { hasNextPage: false, endCursor: null })).toEqual({});
  });
});
