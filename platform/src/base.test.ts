// The base room, which every room uses: ids, money, validation, settings.

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseId, parseOrderId } from './ids.ts';
import { commonSettings } from './lifecycle/settings.ts';
import { fitsColumn, MAX_AMOUNT, parseMoney, totalOf } from './money.ts';
import { databaseSettings } from './postgres/settings.ts';
import { ConfigError, readSettings } from './settings.ts';
import { isMultilineText, isPlainText, isStorable, isVisible, lengthOf } from './validation.ts';

describe('ids', () => {
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
});

describe('money', () => {
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

    it('returns every amount of whole cents unchanged', () => {
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

    it('is refused for a value that is no amount', () => {
      expect(() => totalOf('1.999', 2)).toThrow('expected an amount of money, got 1.999');
    });

    it.each([
      [MAX_AMOUNT, true],
      ['100000000.00', false],
    ])('of %s fits the column: %p', (total, fits) => {
      expect(fitsColumn(total)).toBe(fits);
    });
  });
});

// What a text may consist of.
describe('validation', () => {
  const range = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index));

  const C0_AND_C1 = [...range(0, 0x1f), ...range(0x7f, 0x9f)];
  const LINE_BREAKS = ['\n', '\r', '\u2028', '\u2029'];

  describe('plain text', () => {
    it('has no control characters and no line breaks at any place', () => {
      for (const character of [...C0_AND_C1, ...LINE_BREAKS])
        for (const text of [`a${character}b`, `${character}ab`, `ab${character}`])
          expect([text, isPlainText(text)]).toEqual([text, false]);
    });

    it('may have all other characters', () => {
      for (const text of [
        '',
        'Crème brûlée',
        'e\u0301',
        '𝒜 🧭',
        '\u202eabc',
        'a\u200bb',
        '\u00a0',
        '<script>',
      ])
        expect([text, isPlainText(text)]).toEqual([text, true]);
    });
  });

  describe('text of several lines', () => {
    it('may have tabs and line breaks, and no other control character', () => {
      for (const character of C0_AND_C1)
        expect([character, isMultilineText(`a${character}b`)]).toEqual([
          character,
          ['\t', '\n', '\r'].includes(character),
        ]);
      expect(isMultilineText(`One\ttwo\r\nthree${LINE_BREAKS.join('')}`)).toBe(true);
    });
  });

  it('halves of surrogate pairs and U+0000 cannot be stored', () => {
    for (const text of ['\ud800', 'a\udfffb', '\udc00\ud800']) {
      expect([isPlainText(text), isMultilineText(text), isStorable(text)]).toEqual([false, false, false]);
    }
    expect([isStorable('a\0'), isStorable('a\tb\u0085')]).toEqual([false, true]);
  });

  describe('what is visible', () => {
    it.each([
      ['an empty text', ''],
      ['spaces', ' \u00a0\u3000\u2003\u1680'],
      ['a zero-width space', '\u200b'],
      ['joiners and a variation selector', '\u200d\u200c\ufe0f'],
      ['word joiner and byte order mark', '\u2060\ufeff'],
      ['a soft hyphen', '\u00ad'],
      ['a combining grapheme joiner', '\u034f'],
      ['Hangul fillers', '\u115f\u1160\u3164\uffa0'],
      ['a blank Braille pattern', '\u2800'],
      ['a Mongolian vowel separator', '\u180e'],
      ['Khmer inherent vowels', '\u17b4\u17b5'],
      ['tags', '\u{e0041}\u{e007f}'],
      ['directions', '\u202e\u2066\u2069\u061c'],
      ['marks without a letter', '\u0301\u0300'],
      ['noncharacters', '\uffff\ufdd0'],
      ['a blank hieroglyph and a musical null', '\u{13441}\u{1d159}'],
      ['a bit of each', ' \u200b\u3164\u2800\ufe0f'],
    ])('is not: %s', (_, text) => {
      expect(isVisible(text)).toBe(false);
    });

    it.each(['a', '0', '-', '茶', '\u200bTea', 'e\u0301', '🧭', '👩‍🚀', '⠓', '\ue000', '가'])(
      'is: %s',
      (text) => {
        expect(isVisible(text)).toBe(true);
      },
    );
  });

  it('the length of a text is that of its characters', () => {
    expect(['', 'abc', '𝒜🧭', 'e\u0301', '\ud800'].map(lengthOf)).toEqual([0, 3, 2, 2, 1]);
  });
});

describe('settings', () => {
  const shape = { ...commonSettings, ...databaseSettings };

  describe('readSettings', () => {
    it('reads, applies defaults and freezes', () => {
      const settings = readSettings(shape, {
        PORT: '4001',
        OPS_PORT: '4101',
        DATABASE_URL: 'postgres://u:p@h/d',
        HOST: '',
      });
      expect(settings).toMatchObject({
        PORT: 4001,
        HOST: '0.0.0.0',
        DATABASE_POOL_MAX: 10,
        LOG_LEVEL: 'info',
      });
      expect(Object.isFrozen(settings)).toBe(true);
    });

    it('names every error at once and shows no value', () => {
      const read = () =>
        readSettings(shape, { PORT: 'http', DATABASE_URL: 'mysql://secret', LOG_LEVEL: 'loud' });
      expect(read).toThrow(ConfigError);
      expect(read).toThrow(/PORT: .*\n.*OPS_PORT: is required.*\n.*LOG_LEVEL: .*\n.*DATABASE_URL: /);
      expect(read).not.toThrow(/secret/);
    });
  });
});
