import { describe, expect, it } from '@jest/globals';
import { parseId, parseOrderId } from './ids.ts';

describe.each([
  ['of a user or a product', parseId, 2_147_483_647],
  ['of an order', parseOrderId, Number.MAX_SAFE_INTEGER],
])('the id %s', (_, parse, max) => {
  it('is a positive integer in range', () => {
    expect(parse('1')).toBe(1);
    expect(parse(String(max))).toBe(max);
  });

  it.each([
    '0',
    '-1',
    '01',
    '+1',
    '1.0',
    '1e3',
    ' 1',
    '1 ',
    '1\n',
    '',
    'abc',
    '0x10',
    '١',
    String(max + 1),
    '9'.repeat(16),
    '9'.repeat(400),
    '0192c7a4-0000-7000-8000-000000000000',
  ])('is not %j', (text) => {
    expect(parse(text)).toBeUndefined();
  });
});
