import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseMoney } from './money.ts';

describe('parseMoney', () => {
  it.each([
    ['19.99', '19.99'],
    ['19.9', '19.90'],
    ['19', '19.00'],
    [19.9, '19.90'],
    [0, '0.00'],
    ['007.5', '7.50'],
    ['-1', '-1.00'],
  ])('reads %p as %p', (input, amount) => {
    expect(parseMoney(input)).toBe(amount);
  });

  it.each(['1.999', 1.999, '1e3', 1e21, Number.NaN, '', ' 1', '1.', '.5', '1,50', '٣', null, true, {}])(
    'refuses %p',
    (input) => {
      expect(parseMoney(input)).toBeUndefined();
    },
  );

  it('gives back every amount of whole cents as it was', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9_999_999_999 }), (cents) => {
        const amount = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
        return parseMoney(amount) === amount && parseMoney(Number(amount)) === amount;
      }),
    );
  });
});
