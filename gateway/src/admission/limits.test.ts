// The table of limits, the counters, the address that a client is counted by, and which requests count.

import { ANONYMOUS } from '@holdfast/platform/auth/viewer';
import { createUnreadRequest } from '@holdfast/platform/http/request';
import type { HttpRequest, Reply } from '@holdfast/platform/http/server';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { connectionsPerAddress } from '../config.ts';
import { createReceived } from '../federation/reply-sizes.ts';
import type { Caller } from './caller.ts';
import { clientAddress } from './client-address.ts';
import { DEFAULT_LIMITS, limitsOf, rateLimits } from './limits.ts';
import { createProcessCounters } from './process-counters.ts';
import { createRateLimits } from './rate-limits.ts';

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
      'register is named twice',
    ]);
  });
});

describe('the connections of an address', () => {
  it('are 1,000 by default, and without a bound behind proxies, which hold all connections, unless a setting names one', () => {
    expect(connectionsPerAddress({ TRUSTED_PROXIES: 0 })).toBe(1_000);
    expect(connectionsPerAddress({ TRUSTED_PROXIES: 1 })).toBeUndefined();
    expect(connectionsPerAddress({ TRUSTED_PROXIES: 1, MAX_CONNECTIONS_PER_ADDRESS: 20 })).toBe(20);
  });
});

describe('the address of a client', () => {
  const of = (remoteAddress: string, forwarded?: string, trustedProxies = 0) =>
    clientAddress(
      { remoteAddress, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } },
      trustedProxies,
    );

  describe('the address of the client', () => {
    it('is the other end of the connection unless a proxy is trusted', () => {
      expect(of('192.0.2.1')).toBe('192.0.2.1');
      expect(of('192.0.2.1', '198.51.100.7, 203.0.113.9')).toBe('192.0.2.1');
    });

    it('is believed as many hops back as are trusted, and no further', () => {
      expect(of('192.0.2.1', 'forged, 203.0.113.9', 1)).toBe('203.0.113.9');
      expect(of('192.0.2.1', '198.51.100.7, 203.0.113.9', 1)).toBe('203.0.113.9');
      expect(of('192.0.2.1', '10.9.8.7, 198.51.100.7, 203.0.113.9', 2)).toBe('198.51.100.7');
      expect(of('192.0.2.1', '203.0.113.9', 3)).toBe('203.0.113.9');
    });

    it('is the nearest one known where a trusted proxy names none', () => {
      expect(of('192.0.2.1', undefined, 1)).toBe('192.0.2.1');
      expect(of('192.0.2.1', 'unknown', 1)).toBe('192.0.2.1');
      expect(of('192.0.2.1', 'unknown, 203.0.113.9', 2)).toBe('203.0.113.9');
      expect(of('', undefined, 0)).toBe('unknown');
    });

    it('has no port, brackets or zone', () => {
      expect(of('192.0.2.1', '203.0.113.9:4711', 1)).toBe('203.0.113.9');
      expect(of('192.0.2.1', '[2001:db8::1]:4711', 1)).toBe('2001:db8:0:0::/64');
      expect(of('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
    });

    it('is the /64 of an IPv6 address, whichever way it is written', () => {
      const network = '2001:db8:1:2::/64';
      for (const address of [
        '2001:db8:1:2::1',
        '2001:0DB8:0001:0002:ffff:ffff:ffff:ffff',
        '2001:db8:1:2:3::',
      ])
        expect(of(address)).toBe(network);
      expect(of('2001:db8:1:3::1')).not.toBe(network);
      expect(of('::1')).toBe('0:0:0:0::/64');
    });

    it('is the IPv4 address that an IPv6 one stands for', () => {
      expect(of('::ffff:192.0.2.1')).toBe('192.0.2.1');
      expect(of('::FFFF:c000:201')).toBe('192.0.2.1');
    });
  });
});

const QUOTA = { max: 3, windowMs: 1_000 };

describe('counting in the process', () => {
  it('grants what there is room for, and all of it again in the next window', async () => {
    let now = 5_000;
    const counters = createProcessCounters({ now: () => now });
    expect(await counters.take('a', 2, QUOTA)).toEqual({ granted: 2, remaining: 1, resetMs: 1_000 });
    now += 400;
    expect(await counters.take('a', 2, QUOTA)).toEqual({ granted: 1, remaining: 0, resetMs: 600 });
    expect(await counters.take('a', 1, QUOTA)).toEqual({ granted: 0, remaining: 0, resetMs: 600 });
    now += 599;
    expect((await counters.take('a', 1, QUOTA)).granted).toBe(0);
    now += 1;
    expect(await counters.take('a', 1, QUOTA)).toEqual({ granted: 1, remaining: 2, resetMs: 1_000 });
  });

  it('counts each key for itself', async () => {
    const counters = createProcessCounters();
    await counters.take('a', 3, QUOTA);
    expect((await counters.take('b', 3, QUOTA)).granted).toBe(3);
  });

  it('goes on from what was counted elsewhere, until that window ends', async () => {
    let now = 5_000;
    const counters = createProcessCounters({ now: () => now });
    counters.learn('a', { granted: 1, remaining: 1, resetMs: 300 }, QUOTA);
    expect(await counters.take('a', 3, QUOTA)).toEqual({ granted: 1, remaining: 0, resetMs: 300 });
    now += 300;
    expect((await counters.take('a', 3, QUOTA)).granted).toBe(3);
  });

  it('only reads the window when no call is wanted', async () => {
    const counters = createProcessCounters();
    expect(await counters.take('a', 0, QUOTA)).toMatchObject({ granted: 0, remaining: 3 });
    expect(counters.size).toBe(0);
  });

  it('forgets the windows used longest ago, and never one that is in use', async () => {
    const counters = createProcessCounters({ maxWindows: 100 });
    for (let index = 0; index < 1_000; index += 1) {
      await counters.take('in use', 1, QUOTA);
      await counters.take(`address ${index}`, 1, QUOTA);
    }
    expect(counters.size).toBe(100);
    expect((await counters.take('in use', 1, QUOTA)).granted).toBe(0);
  });
});

describe('a request that executes no field', () => {
  const request = (method: string): HttpRequest => ({ ...createUnreadRequest(), method, path: '/graphql' });
  const caller = (method: string): Caller => ({
    request: request(method),
    address: '192.0.2.1',
    viewer: ANONYMOUS,
    userId: undefined,
    counts: [],
    received: createReceived(),
  });

  it.each<[method: string, status: number, counts: boolean]>([
    ['POST', 400, true],
    ['POST', 404, true],
    // An error of the gateway before the request was counted, which is work too.
    ['POST', 500, true],
    // A service is away, which is not the caller's doing.
    ['POST', 503, false],
    ['OPTIONS', 204, false],
  ])('a %s that is answered with %i and executed no operation counts: %s', async (method, status, counts) => {
    const limits = await createRateLimits({ table: DEFAULT_LIMITS, redis: undefined });
    const reply: Reply = { status };
    const { max = 0 } = DEFAULT_LIMITS.find(({ name }) => name === 'invalid') ?? {};
    for (let count = 0; count < max; count += 1) await limits.describe(caller(method), reply);
    const next = () => limits.admit(caller(method));
    if (counts) expect(next).toThrow(`At most ${max} requests that execute no field are expected`);
    else expect(next).not.toThrow();
  });
});
