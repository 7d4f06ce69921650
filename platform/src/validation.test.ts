// What a text may consist of.
import { describe, expect, it } from '@jest/globals';
import { isMultilineText, isPlainText, isStorable, isVisible, lengthOf } from './validation.ts';

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index));

const C0_AND_C1 = [...range(0, 0x1f), ...range(0x7f, 0x9f)];
const LINE_BREAKS = ['\n', '\r', '\u2028', '\u2029'];

describe('plain text', () => {
  it('has no control characters and no line breaks, wherever they stand', () => {
    for (const character of [...C0_AND_C1, ...LINE_BREAKS])
      for (const text of [`a${character}b`, `${character}ab`, `ab${character}`])
        expect([text, isPlainText(text)]).toEqual([text, false]);
  });

  it('may have anything else', () => {
    for (const text of ['', 'Crème brûlée', 'e\u0301', '𝒜 🧭', '\u202eabc', 'a\u200bb', '\u00a0', '<script>'])
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

it('halves of surrogate pairs and U+0000 can be stored nowhere', () => {
  for (const text of ['\ud800', 'a\udfffb', '\udc00\ud800']) {
    expect([isPlainText(text), isMultilineText(text), isStorable(text)]).toEqual([false, false, false]);
  }
  expect([isStorable('a\0'), isStorable('a\tb\u0085')]).toEqual([false, true]);
});

describe('what is visible', () => {
  it.each([
    ['nothing', ''],
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
