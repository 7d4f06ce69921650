// Which bodies are taken for JSON in UTF-8.
import { describe, expect, it } from '@jest/globals';
import { HttpError } from './error.ts';
import { isOfType, requireTextOfType } from './media-type.ts';

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
  ])('is taken: %s', (contentType) => {
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

  it('of a reply is looked at without its parameters', () => {
    expect(isOfType('application/json; charset=utf-8', JSON_TYPES)).toBe(true);
    expect(isOfType('application/json-patch+json', JSON_TYPES)).toBe(false);
  });
});
