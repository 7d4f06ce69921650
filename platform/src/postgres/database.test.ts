import { describe, expect, it } from '@jest/globals';
import { brokenUniqueConstraint, isDatabaseUnavailable } from './database.ts';

const withCode = (code: string, more: object = {}) => Object.assign(new Error('test'), { code, ...more });
const fromAdapter = (code: string, cause: object) =>
  withCode(code, { meta: { driverAdapterError: { cause } } });

describe('isDatabaseUnavailable', () => {
  it.each([
    ['a server that shuts down', withCode('57P01')],
    ['a server that recovers', withCode('57P03')],
    ['a statement that took too long', withCode('57014')],
    ['a refused connection', withCode('ECONNREFUSED')],
    ['one of several refused connections', new AggregateError([withCode('ECONNREFUSED')])],
    ['a cause', new Error('outer', { cause: withCode('08006') })],
    ['a full pool', new Error('timeout exceeded when trying to connect')],
    ['what Prisma makes of a connection that is refused after the deadline', withCode('SERVICE_UNAVAILABLE')],
    ['what Prisma makes of a server that recovers', fromAdapter('P2039', { originalCode: '57P03' })],
  ])('says so of %s', (_, error) => {
    expect(isDatabaseUnavailable(error)).toBe(true);
  });

  it.each([
    ['a broken constraint', withCode('23505')],
    ['what Prisma makes of one', fromAdapter('P2039', { originalCode: '23514' })],
    ['a bug', new TypeError('undefined is not a function')],
    ['no error', 'ECONNREFUSED'],
  ])('does not of %s', (_, error) => {
    expect(isDatabaseUnavailable(error)).toBe(false);
  });
});

describe('brokenUniqueConstraint', () => {
  it('names the constraint that Prisma reports', () => {
    expect(brokenUniqueConstraint(fromAdapter('P2002', { constraint: { index: 'users_email_key' } }))).toBe(
      'users_email_key',
    );
    expect(brokenUniqueConstraint(new Error('other'))).toBeUndefined();
  });
});
