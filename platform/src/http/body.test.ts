// The body of a request: its JSON and its media type.

import { describe, expect, it } from '@jest/globals';
import { HttpError } from './error.ts';
import { type JsonBounds, parseJson } from './json-body.ts';
import { isOfType, requireTextOfType } from './media-type.ts';

// Limits and errors of a JSON body.
describe('a JSON body', () => {
  const parse = (text: string, bounds?: JsonBounds) => parseJson(Buffer.from(text), bounds);
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

  describe('parseJson', () => {
    it('reads JSON with any text in its strings', () => {
      const value = { a: ['[[[[', '\\', '"', '\\"[', ',,,,'.repeat(1_000), '𝒜'], '{': null };
      expect(parse(JSON.stringify(value))).toEqual(value);
      expect(parse(' "x" ')).toBe('x');
    });

    it('refuses a text that is no JSON', () => {
      for (const text of ['', '{', '[1,]', '"', '"\\', 'NaN', ']'])
        expect(() => parse(text)).toThrow('The body: expected well-formed JSON.');
    });

    it('refuses bytes that are not UTF-8 at any place', () => {
      for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]])
        for (const [before, after] of [
          ['{"name":"', '"}'],
          ['{"', '":1}'],
          ['', '{}'],
        ] as const) {
          const body = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
          expect(() => parseJson(body)).toThrow('The body: expected UTF-8, got other bytes.');
        }
      const utf16 = Buffer.from('{"name":"a"}', 'utf16le');
      expect(() => parseJson(utf16)).toThrow('The body: expected well-formed JSON.');
    });

    it('ignores one byte order mark at the start, and keeps those in strings', () => {
      expect(parse('\ufeff{"a":"\ufeff"}')).toEqual({ a: '\ufeff' });
      expect(() => parse('\ufeff\ufeff{}')).toThrow('The body: expected well-formed JSON.');
    });

    it('refuses an escaped half of a surrogate pair, and names the member', () => {
      for (const text of ['{"a":{"b":"x\\ud800y"}}', '{"b":"\\uDC00"}', '{"b":"\\udc00\\ud800"}'])
        expect(() => parse(text)).toThrow('b: expected whole characters, got half of a surrogate pair');
      expect(() => parse('["a","\\udbff"]')).toThrow('1: expected whole characters');
      expect(() => parse('{"\\ud800":1}')).toThrow('expected whole characters');
      expect(parse('{"a":"\\ud835\\udc9c","b":"\\\\ud800","__proto__":1}')).toEqual(
        JSON.parse('{"a":"𝒜","b":"\\\\ud800","__proto__":1}'),
      );
    });

    it('refuses the 65th level and the value after the last', () => {
      expect(() => parse(nested(64))).not.toThrow();
      expect(() => parse(nested(65))).toThrow('at most 64 deep');
      expect(() => parse(nested(1_000_000))).toThrow('at most 64 deep');
      const list = (length: number) => JSON.stringify(Array.from({ length }, () => 1));
      expect(parse(list(999))).toHaveLength(999);
      expect(() => parse(list(1_000))).toThrow('at most 1000 values');
      expect(parse(list(1_000), { maxValues: Number.POSITIVE_INFINITY })).toHaveLength(1_000);
    });
  });
});

// The media types that are accepted as JSON in UTF-8.
describe('a media type', () => {
  const JSON_TYPES = ['application/json', 'application/merge-patch+json'];

  function errorOf(contentType: string | undefined): HttpError | undefined {
    try {
      requireTextOfType(contentType, JSON_TYPES);
      return undefined;
    } catch (error) {
      if (error instanceof HttpError) return error;
      throw error;
    }
  }

  describe('a Content-Type', () => {
    it.each([
      'application/json',
      'Application/JSON',
      'application/merge-patch+json',
      'application/json;charset=utf-8',
      'application/json ; Charset="UTF-8"',
      'application/json; charset=utf8',
      'application/json; profile="a;b, charset=utf-16"; charset=utf-8',
      'application/json;',
    ])('is accepted: %s', (contentType) => {
      expect(errorOf(contentType)).toBeUndefined();
    });

    it.each([
      undefined,
      '',
      'json',
      'text/json',
      'application/json-patch+json',
      'application/json-seq',
      'application/json5',
      'application/jsonx',
      'application/json, text/plain',
      'application/json/x',
      'application/json; charset',
      'application/json; charset="utf-8',
      'application/json; charset=',
      'application/json charset=utf-8',
    ])('is refused for its type: %s', (contentType) => {
      const error = errorOf(contentType);
      expect(error).toMatchObject({ status: 415, headers: { accept: JSON_TYPES.join(', ') } });
      expect(error?.message).toMatch(/^Content-Type: expected application\/json or .*, got /);
    });

    it.each(['utf-16', 'UTF-16LE', 'utf-7', 'iso-8859-1', 'us-ascii', '""'])(
      'is refused for the charset %s',
      (charset) => {
        for (const parameters of [
          `; charset=${charset}`,
          `; charset=utf-8; charset=${charset}`,
          `; charset=${charset}; charset=utf-8`,
        ])
          expect(errorOf(`application/json${parameters}`)?.message).toMatch(
            /^Content-Type: expected the charset utf-8, got /,
          );
      },
    );

    it('of a reply is compared without its parameters', () => {
      expect(isOfType('application/json; charset=utf-8', JSON_TYPES)).toBe(true);
      expect(isOfType('application/json-patch+json', JSON_TYPES)).toBe(false);
    });
  });
});
