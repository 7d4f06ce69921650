// The table of limits and the setting that changes it.
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { DEFAULT_LIMITS, limitsOf, rateLimits } from './limits.ts';

const errorsOf = (setting: string): string[] => {
  const { error } = z.strictObject({ RATE_LIMITS: rateLimits }).safeParse({ RATE_LIMITS: setting });
  return error?.issues.map(({ message }) => message) ?? [];
};
const quotas = (setting: string, field: string, signedIn = false) => {
  const table = rateLimits.parse(setting);
  if (table === 'off') throw new Error('the limits are off');
  return limitsOf(table, field, signedIn).map(({ name, max, windowMs }) => [name, max, windowMs]);
};

describe('the table', () => {
  it('has the limits of the specification', () => {
    expect(rateLimits.parse(undefined)).toEqual(DEFAULT_LIMITS);
    expect(quotas('', 'register')).toEqual([['register', 5, 60_000]]);
    expect(quotas('', 'login')).toEqual([['login', 10, 60_000]]);
    expect(quotas('', 'refreshSession')).toEqual([['refreshSession', 30, 60_000]]);
    expect(quotas('', 'changePassword', true)).toEqual([['changePassword', 10, 60_000]]);
    expect(quotas('', 'createOrder', true)).toEqual([['createOrder', 60, 60_000]]);
    expect(quotas('', 'products', true)).toEqual([['user', 1_200, 60_000]]);
    expect(quotas('', 'products')).toEqual([['address', 600, 60_000]]);
  });
});

describe('RATE_LIMITS', () => {
  it('changes what it names and leaves the rest', () => {
    const setting = 'refreshSession=3/10s, user=7/250ms,createOrder=2/1h';
    expect(quotas(setting, 'refreshSession')).toEqual([['refreshSession', 3, 10_000]]);
    expect(quotas(setting, 'login')).toEqual(quotas('', 'login'));
    expect(quotas(setting, 'me', true)).toEqual([['user', 7, 250]]);
    expect(quotas(setting, 'createOrder')).toEqual([['createOrder', 2, 3_600_000]]);
    expect(quotas(setting, 'register')).toEqual([['register', 5, 60_000]]);
  });

  it('gives a field that it names so many calls, however many limits the field has', () => {
    const fields = new Set(DEFAULT_LIMITS.flatMap((limit) => ('field' in limit ? limit.field : [])));
    for (const field of fields)
      for (const [, max, windowMs] of quotas(`${field}=500/1h`, field, true))
        expect([field, max, windowMs]).toEqual([field, 500, 3_600_000]);
  });

  it('switches them off', () => {
    expect(rateLimits.parse('off')).toBe('off');
  });

  it('names everything that cannot be used', () => {
    expect(
      errorsOf('login=0/1m,logn=5/1m,user=5 a minute,,address=5/25h,register=1/1m,register=2/1m'),
    ).toEqual([
      'login: expected 1 to 1000000 calls, got 0',
      'there is no limit "logn"; there are register, login, refreshSession, changePassword, requestPasswordReset, resetPassword, requestEmailVerification, verifyEmail, changeEmail, confirmLogin, createOrder, invalid, user, address',
      'expected <name>=<calls>/<window> such as login=10/1m, got "user=5 a minute"',
      'expected <name>=<calls>/<window> such as login=10/1m, got ""',
      'address: expected a window of 1ms to 24h, got 25h',
      'register is there twice',
    ]);
  });
});
