// Which callers a subgraph accepts.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { createSubgraph } from '../graphql/subgraph.ts';
import { createHttpServer, type HttpServer } from '../http/server.ts';
import { createLogger } from '../observability/log.ts';
import { ConfigError, readSettings } from '../settings.ts';
import { CALLING_SERVICES, publicHalfOf, publicKeysOf } from './service-keys.ts';
import { type CalledService, createCallerCheck, SERVICE_TOKEN_HEADER } from './service-tokens.ts';
import { calledSettings, callingSettings } from './settings.ts';
import { newServiceKey, newServiceKeys, publicKeysFrom, tokensOf } from './testing-services.ts';
import { ANONYMOUS } from './viewer.ts';

const SERVICES = newServiceKeys();
const STRANGERS = newServiceKeys();
const NOW = new Date('2026-11-23T10:00:00Z').getTime();

let server: HttpServer;
let url: string;

beforeAll(async () => {
  const log = createLogger('test', 'silent');
  const subgraph = await createSubgraph({
    typeDefs: 'type Query { hello: String! }',
    resolvers: { Query: { hello: () => 'world' } },
    verify: async () => ANONYMOUS,
    checkCaller: createCallerCheck({ name: 'orders', keys: publicKeysFrom(SERVICES) }),
    context: (base) => base,
    routes: { 'GET /open': async () => ({ status: 204 }) },
    log,
  });
  server = createHttpServer({ ...subgraph, log, timeoutMs: 5_000 });
  url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
});
afterAll(() => server.close());

async function ask(header: string | undefined, more: Record<string, string> = {}) {
  const reply = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(header === undefined ? {} : { [SERVICE_TOKEN_HEADER]: header }),
      ...more,
    },
    body: JSON.stringify({ query: '{ hello }' }),
  });
  return { status: reply.status, text: await reply.text() };
}

const SECOND = Math.floor(Date.now() / 1_000);
const GOOD: JWTPayload = { iss: 'gateway', aud: 'orders', iat: SECOND, exp: SECOND + 60 };

const signed = (claims: JWTPayload, { typ = 'service+jwt', key = SERVICES.gateway } = {}) =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: 'EdDSA', typ })
    .sign(readSettings(callingSettings, { SERVICE_KEY: key }).SERVICE_KEY);

async function usersToken(): Promise<string> {
  const { privateKey } = await generateKeyPair('EdDSA');
  return new SignJWT({ ...GOOD, sub: '7', role: 'STAFF' })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt' })
    .sign(privateKey);
}

const gatewayToken = () => tokensOf('gateway', SERVICES.gateway)('orders');

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a subgraph', () => {
  it('answers a service that may call it', async () => {
    const expected = { status: 200, text: '{"data":{"hello":"world"}}\n' };
    expect(await ask(await tokensOf('gateway', SERVICES.gateway)('orders'))).toEqual(expected);
  });

  it.each<[string, () => Promise<string | undefined>]>([
    ['no token', async () => undefined],
    ['something else', async () => 'Bearer orders'],
    ['another scheme', async () => (await gatewayToken()).replace('Bearer', 'Basic')],
    ['two tokens', async () => `${await gatewayToken()}, ${await gatewayToken()}`],
    ['a token for products', () => tokensOf('gateway', SERVICES.gateway)('products')],
    ['a service that has no business here', () => tokensOf('products', SERVICES.products)('orders')],
    ['a token of another key', () => tokensOf('gateway', STRANGERS.gateway)('orders')],
    ['a service that calls itself another', () => tokensOf('gateway', SERVICES.products)('orders')],
    ['an expired token', () => tokensOf('gateway', SERVICES.gateway, () => Date.now() - 61_000)('orders')],
    [
      'a token of ten years',
      async () => `Bearer ${await signed({ ...GOOD, exp: SECOND + 10 * 365 * 86_400 })}`,
    ],
    ['alg none', async () => `Bearer ${encoded({ alg: 'none', typ: 'service+jwt' })}.${encoded(GOOD)}.`],
    ['a user’s access token', async () => `Bearer ${await usersToken()}`],
  ])('refuses %s', async (_, header) => {
    const { status, text } = await ask(await header(), { authorization: 'Bearer other' });
    expect(status).toBe(401);
    expect(JSON.parse(text)).toEqual({
      errors: [
        {
          message:
            'Only services of this system may call this path: expected a valid Service-Authorization header.',
          extensions: { code: 'UNAUTHENTICATED' },
        },
      ],
    });
  });

  it('does not mistake a service token for a user’s', async () => {
    const header = await gatewayToken();
    expect((await ask(undefined, { authorization: header })).status).toBe(401);
  });

  it('keeps its other routes open', async () => {
    expect((await fetch(`${url}/open`)).status).toBe(204);
  });
});

describe('the check of a caller', () => {
  const checkOf = (name: CalledService, now = Date.now) =>
    createCallerCheck({ name, keys: publicKeysFrom(SERVICES), now });
  const check = checkOf('orders');

  it.each([
    ['type', () => signed(GOOD, { typ: 'JWT' }), 'unexpected "typ" JWT header value'],
    ['issuer', () => signed({ ...GOOD, iss: undefined }), 'it names no service that calls others'],
    ['expiry', () => signed({ ...GOOD, exp: undefined }), 'missing required "exp" claim'],
    ['start', () => signed({ ...GOOD, iat: undefined }), 'missing required "iat" claim'],
    ['audience', () => signed({ ...GOOD, aud: undefined }), 'missing required "aud" claim'],
    ['life', () => signed({ ...GOOD, exp: SECOND + 61 }), 'it lives longer than 60 s'],
    [
      'clock',
      () => signed({ ...GOOD, iat: SECOND + 30, exp: SECOND + 90 }),
      '"iat" claim timestamp check failed (it should be in the past)',
    ],
    ['key', () => signed(GOOD, { key: STRANGERS.gateway }), 'it is signed with no key of gateway'],
    ['name', () => signed(GOOD, { key: SERVICES.orders }), 'it is signed with no key of gateway'],
  ])('returns the reason for the log: a wrong or missing %s', async (_, token, reason) => {
    expect(await check(`Bearer ${await signed(GOOD)}`, 'graphql')).toBeUndefined();
    expect(await check(`Bearer ${await token()}`, 'graphql')).toBe(reason);
  });

  it('lets each service make the calls of the table, and no others', async () => {
    const open: string[] = [];
    for (const caller of CALLING_SERVICES) {
      const tokens = tokensOf(caller, SERVICES[caller]);
      for (const called of ['users', 'products', 'orders'] as const) {
        for (const purpose of ['graphql', 'revocations'] as const) {
          const reason = await checkOf(called)(await tokens(called), purpose);
          if (reason === undefined) open.push(`${caller} → ${called} ${purpose}`);
          else expect(reason).toBe(`${caller} may not call ${called} for ${purpose}`);
        }
      }
    }
    expect(open).toEqual([
      'gateway → users graphql',
      'gateway → users revocations',
      'gateway → products graphql',
      'gateway → orders graphql',
      'products → users revocations',
      'orders → users revocations',
      'orders → products graphql',
    ]);
  });

  it('checks the table for a remembered token too', async () => {
    const users = checkOf('users');
    const header = await tokensOf('products', SERVICES.products)('users');
    expect(await users(header, 'revocations')).toBeUndefined();
    expect(await users(header, 'graphql')).toBe('products may not call users for graphql');
    expect(await users(header, 'revocations')).toBeUndefined();
  });

  it('does not let a remembered token outlive its expiry', async () => {
    let time = NOW;
    const clock = () => time;
    const header = await tokensOf('gateway', SERVICES.gateway, clock)('orders');
    const checked = checkOf('orders', clock);
    expect(await checked(header, 'graphql')).toBeUndefined();
    time += 44_000;
    expect(await checked(header, 'graphql')).toBeUndefined();
    time += 1_000;
    expect(await checked(header, 'graphql')).toMatch(/^"(exp|iat)" claim timestamp check failed/);
  });

  it.each([-15, 15])(
    'puts up with a caller’s clock that is %i s off, for as long as a token is used',
    async (seconds) => {
      let time = NOW;
      const header = await tokensOf('gateway', SERVICES.gateway, () => NOW + seconds * 1_000)('orders');
      const first = checkOf('orders', () => time);
      expect(await first(header, 'graphql')).toBeUndefined();
      time += 29_999;
      expect(await checkOf('orders', () => time)(header, 'graphql')).toBeUndefined();
    },
  );

  it('refuses a public key that is used as a secret', async () => {
    const key = new TextEncoder().encode(publicHalfOf(SERVICES.gateway));
    const token = await new SignJWT(GOOD).setProtectedHeader({ alg: 'HS256', typ: 'service+jwt' }).sign(key);
    expect(await check(`Bearer ${token}`, 'graphql')).toBe(
      '"alg" (Algorithm) Header Parameter value not allowed',
    );
  });
});

describe('a service’s tokens', () => {
  it('are reused for each target for 30 s, live for 60 s, and are dated back for clocks that differ', async () => {
    let time = NOW;
    const tokens = tokensOf('gateway', SERVICES.gateway, () => time);
    const first = await tokens('orders');
    expect(decodeJwt(first.slice('Bearer '.length))).toEqual({
      iss: 'gateway',
      aud: 'orders',
      iat: time / 1_000 - 15,
      exp: time / 1_000 + 45,
    });
    expect(await tokens('products')).not.toBe(first);
    time += 29_999;
    expect(await tokens('orders')).toBe(first);
    time += 1;
    expect(await tokens('orders')).not.toBe(first);
  });
});

describe('SERVICE_KEY', () => {
  it.each(['', 'hunter2', `${SERVICES.gateway},hunter2`])(
    'is one key; an error shows no value: %#',
    (value) => {
      const read = () => readSettings(callingSettings, { SERVICE_KEY: value });
      expect(read).toThrow(ConfigError);
      expect(read).toThrow('SERVICE_KEY: ');
      expect(read).not.toThrow(/hunter2/);
    },
  );
});

describe('SERVICE_PUBLIC_KEYS', () => {
  const all = publicKeysOf(SERVICES);
  const read = (value: string) => readSettings(calledSettings, { SERVICE_PUBLIC_KEYS: value });

  it('has one or more keys of each calling service', () => {
    const next = publicHalfOf(newServiceKey());
    const { SERVICE_PUBLIC_KEYS: keys } = read(`${all}, gateway=${next}`);
    expect(keys.gateway).toHaveLength(2);
    expect(keys.products).toHaveLength(1);
    expect(keys.orders).toHaveLength(1);
  });

  it('lets a key be rotated without a refused call: the next one is published, then used, then alone', async () => {
    const next = newServiceKey();
    const states = [
      all,
      `${all},gateway=${publicHalfOf(next)}`,
      publicKeysOf({ ...SERVICES, gateway: next }),
    ];
    const accepts = states.map(async (state) => {
      const check = createCallerCheck({ name: 'orders', keys: read(state).SERVICE_PUBLIC_KEYS });
      const reasons = [SERVICES.gateway, next].map(async (key) =>
        check(await tokensOf('gateway', key)('orders'), 'graphql'),
      );
      return (await Promise.all(reasons)).map((reason) => reason === undefined);
    });
    // Two successive states run at the same time during a roll-out. The gateway signs with the next key from the second state on.
    expect(await Promise.all(accepts)).toEqual([
      [true, false],
      [true, true],
      [false, true],
    ]);
  });

  it.each([
    ['', 'is required'],
    ['gateway', 'expected NAME=KEY'],
    [`${all},users=${publicHalfOf(SERVICES.orders)}`, 'a name of gateway, products, orders'],
    [`${all},`, 'expected NAME=KEY'],
    [`gateway=${publicHalfOf(SERVICES.gateway)}`, 'got none for products, orders'],
  ])('is refused otherwise: %#', (value, error) => {
    expect(() => read(value)).toThrow(ConfigError);
    expect(() => read(value)).toThrow(error);
  });
});
