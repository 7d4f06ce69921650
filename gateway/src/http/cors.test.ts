import { describe, expect, it } from '@jest/globals';
import { corsOrigins } from './cors.ts';

describe('the setting CORS_ORIGINS', () => {
  it('is a list of origins', () => {
    expect(corsOrigins.parse(undefined)).toEqual(new Set());
    expect(corsOrigins.parse('https://a.example, http://localhost:5173')).toEqual(
      new Set(['https://a.example', 'http://localhost:5173']),
    );
  });

  it.each([
    '*',
    'https://a.example/',
    'a.example',
    'https://*',
    'null',
    'ftp://a.b',
    'HTTPS://A.b',
    'https://a.b/c',
  ])('refuses %s', (text) => {
    const { error } = corsOrigins.safeParse(`https://a.example,${text}`);
    expect(error?.issues.map(({ message }) => message)).toEqual([
      `expected origins such as https://shop.example.com, got ${JSON.stringify(text)}`,
    ]);
  });
});
