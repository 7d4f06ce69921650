// Who is let into a subgraph, and who is not.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { ConfigError, readSettings, serviceTokenSettings } from './config.ts';
import { createHttpServer, type HttpServer } from './http.ts';
import { createLogger } from './log.ts';
import { createCallerCheck, createServiceTokens, SERVICE_TOKEN_HEADER } from './service-tokens.ts';
import { createSubgraph } from './subgraph.ts';
import { ANONYMOUS } from './viewer.ts';

const SECRET = 'a secret that is in use these days';
const NEXT = 'a secret that comes after that one';
const OTHER = 'a secret that nobody has ever used';

const at = (time: string) => () => new Date(time).getTime();
const tokensOf = (secret: string, name = 'gateway') => createServiceTokens({ name, secrets: [secret] });

let server: HttpServer;
let url: string;

beforeAll(async () => {
  const log = createLogger('test', 'silent');
  const subgraph = await createSubgraph({
    typeDefs: 'type Query { hello: String! }',
    resolvers: { Query: { hello: () => 'world' } },
    verify: async () => ANONYMOUS,
    checkCaller: createCallerCheck({ name: 'orders', secrets: [SECRET, NEXT] }),
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

const now = () => Math.floor(Date.now() / 1_000);
const GOOD: JWTPayload = { iss: 'gateway', aud: 'orders', iat: now(), exp: now() + 60 };

const signed = (claims: JWTPayload, { typ = 'service+jwt', alg = 'HS256' } = {}) =>
  new SignJWT(claims).setProtectedHeader({ alg, typ }).sign(new TextEncoder().encode(SECRET.repeat(2)));

async function usersToken(): Promise<string> {
  const { privateKey } = await generateKeyPair('EdDSA');
  return new SignJWT({ ...GOOD, sub: '7', role: 'STAFF' })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt' })
    .sign(privateKey);
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a subgraph', () => {
  it('answers a service that holds a token for it, whichever of its secrets it was signed with', async () => {
    const expected = { status: 200, text: '{"data":{"hello":"world"}}\n' };
    expect(await ask(await tokensOf(SECRET)('orders'))).toEqual(expected);
    expect(await ask(await tokensOf(NEXT)('orders'))).toEqual(expected);
  });

  it.each<[string, () => Promise<string | undefined>]>([
    ['no token', async () => undefined],
    ['something else', async () => 'Bearer orders'],
    ['another scheme', async () => (await tokensOf(SECRET)('orders')).replace('Bearer', 'Basic')],
    ['two tokens', async () => `${await tokensOf(SECRET)('orders')}, ${await tokensOf(SECRET)('orders')}`],
    ['a token for products', () => tokensOf(SECRET)('products')],
    ['a token of another secret', () => tokensOf(OTHER)('orders')],
    [
      'an expired token',
      () =>
        createServiceTokens({ name: 'gateway', secrets: [SECRET], now: () => Date.now() - 61_000 })('orders'),
    ],
    ['alg none', async () => `Bearer ${encoded({ alg: 'none', typ: 'service+jwt' })}.${encoded(GOOD)}.`],
    ['a user’s access token', async () => `Bearer ${await usersToken()}`],
  ])('refuses %s', async (_, header) => {
    const { status, text } = await ask(await header(), { authorization: 'Bearer whatever' });
    expect(status).toBe(401);
    expect(JSON.parse(text)).toEqual({
      errors: [
        {
          message:
            'Only services of this system are answered here: a service token for this one is expected.',
          extensions: { code: 'UNAUTHENTICATED' },
        },
      ],
    });
  });

  it('does not mistake a service token for a user’s', async () => {
    const header = await tokensOf(SECRET)('orders');
    expect((await ask(undefined, { authorization: header })).status).toBe(401);
  });

  it('keeps its other routes open', async () => {
    expect((await fetch(`${url}/open`)).status).toBe(204);
  });
});

describe('the check of a caller', () => {
  const check = createCallerCheck({ name: 'orders', secrets: [SECRET.repeat(2)] });

  it.each([
    ['type', () => signed(GOOD, { typ: 'JWT' }), 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    ['algorithm', () => signed(GOOD, { alg: 'HS512' }), 'ERR_JOSE_ALG_NOT_ALLOWED'],
    ['issuer', () => signed({ ...GOOD, iss: undefined }), 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    ['expiry', () => signed({ ...GOOD, exp: undefined }), 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    ['audience', () => signed({ ...GOOD, aud: undefined }), 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
  ])('says why, for the log: a wrong or missing %s', async (_, token, reason) => {
    expect(await check(`Bearer ${await signed(GOOD)}`)).toBeUndefined();
    expect(await check(`Bearer ${await token()}`)).toBe(reason);
  });

  it('does not let a remembered token outlive its expiry', async () => {
    let time = at('2026-11-23T10:00:00Z')();
    const clock = () => time;
    const header = await createServiceTokens({ name: 'gateway', secrets: [SECRET], now: clock })('orders');
    const checked = createCallerCheck({ name: 'orders', secrets: [SECRET], now: clock });
    expect(await checked(header)).toBeUndefined();
    time += 59_000;
    expect(await checked(header)).toBeUndefined();
    time += 1_000;
    expect(await checked(header)).toBe('ERR_JWT_EXPIRED');
  });

  it('refuses the public key of a user’s token as a secret of its own making', async () => {
    const { publicKey } = await generateKeyPair('EdDSA', { extractable: true });
    const key = new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey)));
    const token = await new SignJWT(GOOD).setProtectedHeader({ alg: 'HS256', typ: 'service+jwt' }).sign(key);
    expect(await check(`Bearer ${token}`)).toBe('ERR_JWS_SIGNATURE_VERIFICATION_FAILED');
  });
});

describe('a service’s tokens', () => {
  it('are one for each target for 30 s, and good for 60', async () => {
    let time = at('2026-11-23T10:00:00Z')();
    const tokens = createServiceTokens({ name: 'gateway', secrets: [SECRET], now: () => time });
    const first = await tokens('orders');
    expect(decodeJwt(first.slice('Bearer '.length))).toEqual({
      iss: 'gateway',
      aud: 'orders',
      iat: time / 1_000,
      exp: time / 1_000 + 60,
    });
    expect(await tokens('products')).not.toBe(first);
    time += 29_999;
    expect(await tokens('orders')).toBe(first);
    time += 1;
    expect(await tokens('orders')).not.toBe(first);
  });
});

describe('SERVICE_SECRET', () => {
  const read = (value: string) => () => readSettings(serviceTokenSettings, { SERVICE_SECRET: value });

  it('is one secret or several', () => {
    expect(read(SECRET)()).toEqual({ SERVICE_SECRET: [SECRET] });
    expect(read(`${NEXT}, ${SECRET}`)()).toEqual({ SERVICE_SECRET: [NEXT, SECRET] });
  });

  it.each([
    ['', 'SERVICE_SECRET: is required'],
    ['hunter2', 'number 1 is shorter'],
    [`${SECRET},hunter2`, 'number 2 is shorter'],
    [`${SECRET},`, 'number 2 is shorter'],
  ])('must be long; a fault names the setting and shows no value: %#', (value, fault) => {
    expect(read(value)).toThrow(ConfigError);
    expect(read(value)).toThrow(fault);
    expect(read(value)).toThrow('SERVICE_SECRET: ');
    expect(read(value)).not.toThrow(/hunter2|a secret that/);
  });
});
