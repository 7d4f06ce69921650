import { describe, expect, it } from '@jest/globals';
import { readIdempotencyKey } from './idempotency-key.ts';
import { nextPageLink } from './link.ts';
import { readWaitPreference } from './prefer.ts';

describe('Idempotency-Key', () => {
  it('means the same bare and as a quoted string', () => {
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
    '%j asks for nothing',
    (value) => {
      expect(readWaitPreference(value)).toBeUndefined();
    },
  );
});

describe('Link', () => {
  const after = (endCursor: string) => ({ hasNextPage: true, endCursor });

  it('keeps the other parameters and puts the new cursor in the place of the old', () => {
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
