import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { describe, expect, it } from '@jest/globals';
import { errorMessage } from './error.ts';

const coded = (code: string, message: string, details = {}) =>
  new CombinedGraphQLErrors({ errors: [{ message, extensions: { code, ...details } }] });

describe('the message of an error', () => {
  it.each([
    ['no reply', new TypeError('Failed to fetch'), /Check your connection/],
    ['an unexpected error', new Error('The name is taken.'), /^The name is taken\.$/],
    [
      'a limit',
      coded('RATE_LIMITED', 'At most 60.', { retryAfter: 7 }),
      /^Too many calls\. Try again in 7 seconds\.$/,
    ],
    ['another code', coded('SERVICE_UNAVAILABLE', 'Orders are away.'), /^Orders are away\.$/],
  ])('%s', (_, error, message) => {
    expect(errorMessage(error)).toMatch(message);
  });
});
