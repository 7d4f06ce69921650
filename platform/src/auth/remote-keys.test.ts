// Verifiers against a JWKS endpoint that fails in every way: what counts is how long callers wait, and what they are told.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { maxAgeMs, remoteKeys } from './remote-keys.ts';
import { createTokenVerifier, type TokenVerifier } from './tokens.ts';
import { requireUser } from './viewer.ts';

interface Key {
  readonly jwk: JWK;
  readonly key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
}

const ISSUER = 'test';
/** What "at once" may take on a busy machine; a caller who waits for the endpoint takes 3 s. */
const AT_ONCE_MS = 500;

async function makeKey(): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  const jwk = await exportJWK(publicKey);
  return { jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'EdDSA' }, key: privateKey };
}

let made = 0;
/** A token that no verifier has seen. */
const sign = async ({ jwk, key }: Key, kid = jwk.kid ?? ''): Promise<string> => {
  made += 1;
  const token = await new SignJWT({ role: 'CUSTOMER', gen: 0 })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid })
    .setIssuer(ISSUER)
    .setAudience(ISSUER)
    .setSubject('7')
    .setJti(String(made))
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(key);
  return `Bearer ${token}`;
};

type Mood = 'up' | 'down' | 'hanging' | 'hanging in its body' | 'nonsense';

interface Endpoint {
  mood: Mood;
  keys: JWK[];
  cacheControl: string;
  requests: number;
  readonly verify: TokenVerifier;
}

const listening: { server: Server; open: Set<ServerResponse> }[] = [];
afterEach(async () => {
  for (const { server, open } of listening.splice(0)) {
    for (const response of open) response.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function endpoint(keys: readonly Key[], options: { mood?: Mood; coolDownMs?: number } = {}) {
  const { mood = 'up', coolDownMs } = options;
  const state = { mood, keys: keys.map(({ jwk }) => jwk), cacheControl: 'max-age=300', requests: 0 };
  const open = new Set<ServerResponse>();
  const server = createServer((_, response) => {
    state.requests += 1;
    open.add(response);
    response.statusCode = state.mood === 'down' ? 503 : 200;
    response.setHeader('cache-control', state.cacheControl);
    if (state.mood === 'hanging') return;
    if (state.mood === 'hanging in its body') response.write('{"keys":[');
    else response.end(state.mood === 'nonsense' ? '{"keys":7}' : JSON.stringify({ keys: state.keys }));
  });
  listening.push({ server, open });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const verify = createTokenVerifier({
    keys: remoteKeys(`http://127.0.0.1:${port}/`, coolDownMs === undefined ? {} : { coolDownMs }),
    issuer: ISSUER,
    audience: ISSUER,
    revocations: { hasEnded: async () => false },
  });
  const result: Endpoint = Object.assign(state, { verify });
  return result;
}

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
};

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

describe('a verifier that has had the keys', () => {
  it.each<Mood>(['down', 'hanging', 'hanging in its body', 'nonsense'])(
    'takes good tokens at once while the endpoint is %s, however old the keys are',
    async (mood) => {
      const key = await makeKey();
      const jwks = await endpoint([key]);
      jwks.cacheControl = 'max-age=1';
      expect(await jwks.verify(await sign(key))).toMatchObject({ kind: 'user' });
      jwks.mood = mood;
      // It has begun to ask again, by itself.
      await until(() => jwks.requests === 2);
      for (let count = 0; count < 20; count += 1) {
        const token = await sign(key);
        const ms = await msOf(async () => expect(await jwks.verify(token)).toMatchObject({ kind: 'user' }));
        expect(ms).toBeLessThan(AT_ONCE_MS);
      }
    },
  );

  it('forgets a key that is withdrawn once its reply is too old, without being asked for anything', async () => {
    const [old, next] = [await makeKey(), await makeKey()];
    const jwks = await endpoint([old, next]);
    jwks.cacheControl = 'public, max-age=1';
    await jwks.verify(await sign(old));
    jwks.keys = [next.jwk];
    await until(() => jwks.requests === 3);
    expect(await jwks.verify(await sign(old))).toEqual({
      kind: 'invalid',
      reason: 'it is signed with an unknown key',
    });
    expect(await jwks.verify(await sign(next))).toMatchObject({ kind: 'user' });
  });

  it('asks twice at most for 500 forged key ids, and refuses them', async () => {
    const key = await makeKey();
    const jwks = await endpoint([key]);
    for (let wave = 0; wave < 10; wave += 1) {
      const forged = Array.from({ length: 50 }, (_, index) => sign(key, `forged-${wave}-${index}`));
      const kinds = await Promise.all(forged.map(async (token) => (await jwks.verify(await token)).kind));
      expect(new Set(kinds)).toEqual(new Set(['invalid']));
    }
    expect(jwks.requests).toBeLessThanOrEqual(2);
  });

  it('does not ask more often for forged key ids while the endpoint is down, and cannot tell about them', async () => {
    const key = await makeKey();
    const jwks = await endpoint([key], { coolDownMs: 0 });
    await jwks.verify(await sign(key));
    jwks.mood = 'hanging';
    const waiting = Promise.all(
      Array.from({ length: 100 }, async (_, index) => jwks.verify(await sign(key, `forged-${index}`))),
    );
    await until(() => jwks.requests === 2);
    expect(await msOf(async () => jwks.verify(await sign(key)))).toBeLessThan(AT_ONCE_MS);
    expect(new Set((await waiting).map(({ kind }) => kind))).toEqual(new Set(['unverifiable']));
    expect(jwks.requests).toBe(2);
  });

  it('finds a new key by its id once the cool-down is over', async () => {
    const [old, next] = [await makeKey(), await makeKey()];
    const jwks = await endpoint([old], { coolDownMs: 300 });
    await jwks.verify(await sign(old));
    jwks.keys.push(next.jwk);
    expect(await jwks.verify(await sign(next))).toMatchObject({ kind: 'invalid' });
    let viewer = await jwks.verify(await sign(next));
    while (viewer.kind !== 'user') viewer = await jwks.verify(await sign(next));
    expect(jwks.requests).toBe(2);
  });
});

describe('a verifier that has never had the keys', () => {
  it('says SERVICE_UNAVAILABLE and does not hammer the endpoint, and recovers with it', async () => {
    const key = await makeKey();
    const jwks = await endpoint([key], { mood: 'down' });
    const attempts = await Promise.all(Array.from({ length: 200 }, async () => jwks.verify(await sign(key))));
    for (const viewer of attempts)
      expect(() => requireUser(viewer)).toThrow(expect.objectContaining({ code: 'SERVICE_UNAVAILABLE' }));
    expect(jwks.requests).toBeLessThanOrEqual(3);
    jwks.mood = 'up';
    let viewer = await jwks.verify(await sign(key));
    while (viewer.kind !== 'user') {
      expect(viewer.kind).toBe('unverifiable');
      await new Promise((resolve) => setTimeout(resolve, 20));
      viewer = await jwks.verify(await sign(key));
    }
  });

  it('waits no longer than 3 s for an endpoint that hangs, all callers together', async () => {
    const key = await makeKey();
    const jwks = await endpoint([key], { mood: 'hanging' });
    const token = await sign(key);
    const ms = await msOf(async () => {
      const viewers = await Promise.all(Array.from({ length: 50 }, () => jwks.verify(token)));
      expect(new Set(viewers.map(({ kind }) => kind))).toEqual(new Set(['unverifiable']));
    });
    expect(ms).toBeLessThan(4_500);
    expect(jwks.requests).toBe(1);
  });
});

describe('the age that a reply allows', () => {
  it.each([
    ['public, max-age=300', 300_000],
    ['max-age=20', 20_000],
    ['max-age=0', 1_000],
    ['max-age=86400', 3_600_000],
    ['s-maxage=7', 300_000],
    ['no-store', 300_000],
    [null, 300_000],
  ])('is, for %j, %i ms', (cacheControl, ms) => {
    expect(maxAgeMs(cacheControl)).toBe(ms);
  });
});
