// Which requests count although they have executed nothing.

import { ANONYMOUS } from '@holdfast/platform/auth/viewer';
import { unreadRequest } from '@holdfast/platform/http/request';
import type { HttpRequest, Reply } from '@holdfast/platform/http/server';
import { expect, it } from '@jest/globals';
import { nothingReceived } from '../federation/reply-sizes.ts';
import type { Caller } from './caller.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { createRateLimits } from './rate-limits.ts';

const request = (method: string): HttpRequest => ({ ...unreadRequest(), method, path: '/graphql' });
const caller = (method: string): Caller => ({
  request: request(method),
  address: '192.0.2.1',
  viewer: ANONYMOUS,
  userId: undefined,
  counts: [],
  received: nothingReceived(),
});

it.each<[method: string, status: number, counts: boolean]>([
  ['POST', 400, true],
  ['POST', 404, true],
  // An error of the gateway before anything was counted: it is work all the same.
  ['POST', 500, true],
  // A service is away, which is not the caller's doing.
  ['POST', 503, false],
  ['OPTIONS', 204, false],
])('a %s that is answered with %i and executed nothing counts: %s', async (method, status, counts) => {
  const limits = createRateLimits({ table: DEFAULT_LIMITS, redis: undefined });
  const reply: Reply = { status };
  const { max = 0 } = DEFAULT_LIMITS.find(({ name }) => name === 'invalid') ?? {};
  for (let count = 0; count < max; count += 1) await limits.describe(caller(method), reply);
  const next = () => limits.admit(caller(method));
  if (counts) expect(next).toThrow(`At most ${max} requests that execute nothing are expected`);
  else expect(next).not.toThrow();
});
