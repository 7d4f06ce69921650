import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fitsColumn, MAX_AMOUNT, parseMoney, totalOf } from './money.ts';

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

describe('a total', () => {
  it.each([
    ['0.07', 3, '0.21'],
    ['0.00', 10_000, '0.00'],
    ['1.10', 3, '3.30'],
    ['10000.00', 10_000, '100000000.00'],
    [MAX_AMOUNT, 10_000, '999999999900.00'],
  ])('of %s, %i times, is %s', (price, quantity, total) => {
    expect(totalOf(price, quantity)).toBe(total);
  });

  it('is refused of what is no amount', () => {
    expect(() => totalOf('1.999', 2)).toThrow('expected an amount of money, got 1.999');
  });

  it.each([
    [MAX_AMOUNT, true],
    ['100000000.00', false],
  ])('of %s fits the column: %p', (total, fits) => {
    expect(fitsColumn(total)).toBe(fits);
  });
});
