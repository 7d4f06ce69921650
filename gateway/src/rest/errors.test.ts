import { AppError, badInput } from '@holdfast/platform/errors';
import { HttpError, MalformedBody } from '@holdfast/platform/http/server';
import { describe, expect, it } from '@jest/globals';
import { OperationError, problemOf, restName } from './errors.ts';
import { PROBLEMS } from './problem.ts';

const thrown = (code: string, extra: Record<string, unknown> = {}) =>
  new OperationError([{ message: 'The message.', extensions: { code, ...extra } }]);

describe('the problem of an error', () => {
  it.each([
    'UNAUTHENTICATED',
    'FORBIDDEN',
    'BAD_USER_INPUT',
    'QUERY_TOO_COMPLEX',
    'SERVICE_UNAVAILABLE',
    'INTERNAL_SERVER_ERROR',
  ])('of an operation with %s has that code and message', (code) => {
    expect(problemOf(thrown(code))).toMatchObject({ code, detail: 'The message.' });
  });

  it('names arguments as REST does', () => {
    const errors = [
      { field: 'first', message: 'expected 1 to 100, got 0' },
      { field: 'filter.minPrice', message: 'expected less' },
    ];
    expect(problemOf(thrown('BAD_USER_INPUT', { errors }))).toMatchObject({
      code: 'INVALID_INPUT',
      detail: 'Please mend: limit, min_price.',
      members: { errors: [{ field: 'limit' }, { field: 'min_price' }] },
    });
  });

  it('leaves the names alone that the shim itself gave', () => {
    expect(problemOf(badInput('If-Match', 'expected tags'))).toMatchObject({
      code: 'INVALID_INPUT',
      members: { errors: [{ field: 'If-Match', message: 'expected tags' }] },
    });
    expect(problemOf(badInput('userName', 'unknown'))).toMatchObject({ detail: 'Please mend: userName.' });
  });

  it('says after how long a limited call may come again', () => {
    expect(problemOf(thrown('RATE_LIMITED', { retryAfter: 7 }))).toMatchObject({
      headers: { 'retry-after': '7' },
    });
  });

  it('keeps what plain HTTP says', () => {
    expect(problemOf(new HttpError(405, 'GET is expected.', { allow: 'GET' }))).toMatchObject({
      code: 'METHOD_NOT_ALLOWED',
      headers: { allow: 'GET' },
    });
    for (const [error, code] of [
      [new MalformedBody('No JSON.'), 'MALFORMED_JSON'],
      [new HttpError(400, 'No request.'), 'BAD_USER_INPUT'],
      [new HttpError(408, 'Too slow.'), 'REQUEST_TIMEOUT'],
      [new HttpError(431, 'Too long.'), 'HEADERS_TOO_LARGE'],
    ] satisfies [HttpError, string][])
      expect(problemOf(error)).toMatchObject({ code, detail: error.message });
  });

  it('is none for what nobody foresaw', () => {
    expect(problemOf(new Error('boom'))).toBeUndefined();
    expect(problemOf(new OperationError([]))).toBeUndefined();
    expect(problemOf(thrown('SOMETHING_ELSE'))).toBeUndefined();
  });

  it('of an AppError shows its message and never its cause', () => {
    const error = new AppError('SERVICE_UNAVAILABLE', 'Not now.', { cause: new Error('10.0.0.1') });
    expect(JSON.stringify(problemOf(error))).not.toContain('10.0.0.1');
  });
});

describe('names', () => {
  it('are the columns of the tables', () => {
    const names = {
      productId: 'product_id',
      'input.productId': 'product_id',
      after: 'cursor',
      idempotencyKey: 'Idempotency-Key',
      input: 'the body',
    };
    for (const [graphql, rest] of Object.entries(names)) expect(restName(graphql)).toBe(rest);
  });
});

it('every problem has a status of its kind', () => {
  for (const [status] of Object.values(PROBLEMS)) expect(status).toBeGreaterThanOrEqual(400);
});
