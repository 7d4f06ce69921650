// Requests that execute nothing: what counts as one, at which paths, and what becomes of callers who send too many.
import { afterEach, describe, expect, it } from '@jest/globals';
import { type LimitedSystem, startLimitedSystem } from '../test/limited-system.ts';

/** The id of a user. */
const ADA = '7';

let system: LimitedSystem;
const start = async (limits: string, settings?: Record<string, string>) => {
  system = await startLimitedSystem(limits, settings);
};
afterEach(() => system.close());

const ask: LimitedSystem['ask'] = (...call) => system.ask(...call);

describe('a request that executes nothing', () => {
  it('is counted, and after too many of them the caller is not heard at all for a while', async () => {
    await start('invalid=3/1m');
    for (const query of ['{', '{ nonsense }', `{ ${'a '.repeat(3_000)} }`])
      expect((await ask(query)).status).toBe(400);
    for (const query of ['{', '{ me }']) {
      const refused = await ask(query);
      expect(refused.status).toBe(429);
      expect(refused.errors).toEqual([
        {
          message: expect.stringMatching(
            /^At most 3 requests that execute nothing are expected in 60 s; try again in \d+ s\.$/,
          ),
          extensions: { code: 'RATE_LIMITED', retryAfter: expect.any(Number) },
        },
      ]);
      expect(refused.headers.get('ratelimit')).toMatch(/^"invalid";r=0;t=\d+$/);
      expect(Number(refused.headers.get('retry-after'))).toBe(refused.errors[0]?.extensions.retryAfter);
    }
    expect((await ask('{ me }', {}, ADA)).data).toEqual({ me: 'me' });
    expect(system.asked).toEqual(['me']);
  });

  it('counts under every spelling of the path', async () => {
    await start('invalid=2/1m');
    const spelt = () => ask('{ nonsense }', {}, undefined, '/%67raphql');
    for (const status of [400, 400, 429]) expect((await spelt()).status).toBe(status);
    expect((await ask('{ me }')).status).toBe(429);
    const { errors } = await spelt();
    expect(errors[0]?.extensions.code).toBe('RATE_LIMITED');
  });

  it('is none that was executed, or refused by another limit', async () => {
    await start('invalid=1/1m,address=1/1m');
    for (const status of [200, 429, 429, 429]) expect((await ask('{ me }')).status).toBe(status);
    expect((await ask('{ __typename }')).status).toBe(200);
  });

  it('counts at every path: bad input, no token, nothing there, the pages, and __typename alone', async () => {
    await start('invalid=1/1m', { TRUSTED_PROXIES: '1' });
    const calls: [status: number, method: string, path: string, accept?: string][] = [
      [400, 'GET', '/products?limit=x'],
      [401, 'GET', '/profile'],
      [415, 'POST', '/login'],
      [404, 'GET', '/nowhere'],
      [405, 'DELETE', '/products'],
      [200, 'GET', '/'],
      [200, 'HEAD', '/docs'],
      [200, 'GET', '/openapi.json'],
      [200, 'GET', '/problems/not-found'],
      [404, 'GET', '/assets/nothing.js'],
      [200, 'GET', '/console/orders'],
      [200, 'GET', '/.well-known/jwks.json'],
      [200, 'GET', '/graphql', 'text/html'],
      [200, 'GET', '/graphql?query={__typename}'],
    ];
    for (const [index, [status, method, path, accept = '*/*']] of calls.entries()) {
      const call = () =>
        fetch(system.url + path, {
          method,
          redirect: 'manual',
          headers: { 'x-forwarded-for': `192.0.2.${index}`, 'apollo-require-preflight': '1', accept },
        });
      expect([path, (await call()).status, (await call()).status]).toEqual([path, status, 429]);
    }
  });

  it('keeps the caller from every path then, and says so in the words of each', async () => {
    await start('invalid=1/1m');
    expect((await fetch(`${system.url}/nowhere`)).status).toBe(404);
    const refused = await fetch(`${system.url}/products`);
    expect([refused.status, refused.headers.get('content-type')]).toEqual([429, 'application/problem+json']);
    expect(refused.headers.get('ratelimit-policy')).toBe('"invalid";q=1;w=60');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    expect(await refused.json()).toMatchObject({ code: 'RATE_LIMITED', title: 'Too many requests' });
    expect((await ask('{ me }')).errors[0]?.extensions.code).toBe('RATE_LIMITED');
    const own = { headers: { authorization: `Bearer ${await system.token(ADA)}` } };
    expect((await fetch(`${system.url}/nowhere`, own)).status).toBe(404);
  });

  it('is no preflight of a browser, which says nothing of its caller', async () => {
    await start('invalid=1/1m');
    const preflight = () => fetch(`${system.url}/products`, { method: 'OPTIONS' });
    for (let each = 0; each < 3; each += 1) expect((await preflight()).status).toBe(204);
    expect((await fetch(`${system.url}/nowhere`)).status).toBe(404);
    expect((await fetch(`${system.url}/nowhere`)).status).toBe(429);
    expect((await preflight()).status).toBe(204);
  });
});
