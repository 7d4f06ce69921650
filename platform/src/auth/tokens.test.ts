// Access tokens: their verification, the keys from a JWKS endpoint, and the revocation list.

import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import { createLogger } from '../observability/log.ts';
import { maxAgeMs, remoteKeys } from './remote-keys.ts';
import { followRemoteRevocations, REVOCATIONS_PATH, type Revocations } from './revocations.ts';
import { createCallerCheck, SERVICE_TOKEN_HEADER } from './service-tokens.ts';
import { newServiceKeys, publicKeysFrom, tokensOf } from './testing-services.ts';
import { createTokenVerifier, type TokenVerifier } from './tokens.ts';
import { requireUser } from './viewer.ts';

const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
const key = await importJWK(await exportJWK(publicKey), 'EdDSA');

describe('access tokens', () => {
  type PrivateKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

  const ISSUER = 'test';
  const NOTHING_ENDED = { hasEnded: async () => false };
  let server: Server | undefined;
  afterEach(() => {
    server?.close();
  });

  async function makeKey(): Promise<{ jwk: JWK; key: PrivateKey }> {
    const { publicKey, privateKey } = await generateKeyPair('EdDSA');
    const jwk = await exportJWK(publicKey);
    return { jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'EdDSA' }, key: privateKey };
  }

  const sign = ({ jwk, key }: { jwk: JWK; key: PrivateKey }, expiresIn = '5m') =>
    new SignJWT({ role: 'STAFF', gen: 3 })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: jwk.kid ?? '' })
      .setIssuer(ISSUER)
      .setAudience(ISSUER)
      .setSubject('7')
      .setJti('1')
      .setIssuedAt()
      .setExpirationTime(expiresIn)
      .sign(key);

  interface Endpoint {
    readonly verify: TokenVerifier;
    requests: number;
    down: boolean;
  }

  /** A verifier over a JWKS endpoint that counts its requests and can be down. */
  async function endpoint(keys: JWK[]): Promise<Endpoint> {
    const state = { requests: 0, down: false };
    const listening = createServer((_, response) => {
      state.requests += 1;
      response.statusCode = state.down ? 503 : 200;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
    });
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', () => resolve()));
    const address = listening.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const verify = createTokenVerifier({
      keys: remoteKeys(`http://127.0.0.1:${port}/`),
      issuer: ISSUER,
      audience: ISSUER,
      revocations: NOTHING_ENDED,
    });
    return Object.assign(state, { verify });
  }

  describe('a remembered token', () => {
    it('is not checked again, and is one entry for every spelling of its header', async () => {
      const { jwk, key } = await makeKey();
      const publicKey = await importJWK(jwk);
      let checks = 0;
      const keys = async () => {
        checks += 1;
        return publicKey;
      };
      const verify = createTokenVerifier({
        keys,
        issuer: ISSUER,
        audience: ISSUER,
        revocations: NOTHING_ENDED,
      });
      const token = await sign({ jwk, key });
      for (const header of [`Bearer ${token}`, `bearer    ${token}`, `BEARER  ${token}`, `Bearer ${token}`])
        expect(await verify(header)).toMatchObject({ kind: 'user' });
      expect(checks).toBe(1);
    });
  });

  describe('a verifier over a JWKS endpoint', () => {
    it('fetches the keys once, and not again for a remembered token', async () => {
      const key = await makeKey();
      const jwks = await endpoint([key.jwk]);
      const header = `Bearer ${await sign(key)}`;
      for (let count = 0; count < 5; count += 1) {
        expect(await jwks.verify(header)).toEqual({ kind: 'user', id: 7, role: 'STAFF' });
      }
      expect(jwks.requests).toBe(1);
    });

    it('reports "unverifiable" and not "invalid" when it never got a key', async () => {
      const key = await makeKey();
      const jwks = await endpoint([key.jwk]);
      jwks.down = true;
      expect(await jwks.verify(`Bearer ${await sign(key)}`)).toMatchObject({ kind: 'unverifiable' });
    });

    it('does not let a remembered token outlive its expiry', async () => {
      const key = await makeKey();
      const jwks = await endpoint([key.jwk]);
      // Longer than a busy machine may take until the first check.
      const header = `Bearer ${await sign(key, '5s')}`;
      let viewer = await jwks.verify(header);
      expect(viewer).toMatchObject({ kind: 'user' });
      const until = Date.now() + 6_000;
      while (viewer.kind === 'user' && Date.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        viewer = await jwks.verify(header);
      }
      expect(viewer).toEqual({ kind: 'invalid', reason: 'it has expired' });
    });
  });
});

// Verifiers with a JWKS endpoint that fails in every way: how long callers wait, and which error they get.
describe('remote keys', () => {
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

  describe('a verifier that has fetched the keys', () => {
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

    it('forgets a withdrawn key once its reply is too old, without any request', async () => {
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

    it('fetches at most twice for 500 forged key ids, and refuses them', async () => {
      const key = await makeKey();
      const jwks = await endpoint([key]);
      for (let wave = 0; wave < 10; wave += 1) {
        const forged = Array.from({ length: 50 }, (_, index) => sign(key, `forged-${wave}-${index}`));
        const kinds = await Promise.all(forged.map(async (token) => (await jwks.verify(await token)).kind));
        expect(new Set(kinds)).toEqual(new Set(['invalid']));
      }
      expect(jwks.requests).toBeLessThanOrEqual(2);
    });

    it('does not fetch more often for forged key ids while the endpoint is down, and reports them as unverifiable', async () => {
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

  describe('a verifier that has never fetched the keys', () => {
    it('answers SERVICE_UNAVAILABLE, does not hammer the endpoint, and recovers with it', async () => {
      const key = await makeKey();
      const jwks = await endpoint([key], { mood: 'down' });
      const attempts = await Promise.all(
        Array.from({ length: 200 }, async () => jwks.verify(await sign(key))),
      );
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

    it('waits at most 3 s for an endpoint that hangs, for all callers together', async () => {
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
});

// Verifiers with a revocation list that changes, is not available any more, or never was.
describe('verifiers with a revocation list', () => {
  const ISSUER = 'test';
  const KEYS = newServiceKeys();
  const EVERY_MS = 20;

  const token = async (gen: number, sub = '7'): Promise<string> => {
    const jwt = new SignJWT({ role: 'CUSTOMER', gen, sub, jti: '1' }).setProtectedHeader({
      alg: 'EdDSA',
      typ: 'at+jwt',
    });
    return `Bearer ${await jwt.setIssuer(ISSUER).setAudience(ISSUER).setIssuedAt().setExpirationTime('5m').sign(privateKey)}`;
  };

  const opened: { server: Server; revocations: Revocations }[] = [];
  afterEach(async () => {
    for (const { server, revocations } of opened.splice(0)) {
      revocations.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  /** A verifier that follows the list of `state`, as its endpoint has it. */
  async function follower(state: { mood: 'up' | 'down' | 'hanging' | 'nonsense'; list: [number, number][] }) {
    const counts = { full: 0, unchanged: 0, refused: 0 };
    const check = createCallerCheck({ name: 'users', keys: publicKeysFrom(KEYS) });
    const server = createServer(async ({ url, headers }, response) => {
      const body = JSON.stringify(state.list);
      const tag = `"${Buffer.from(body).toString('hex')}"`;
      if (
        url !== REVOCATIONS_PATH ||
        (await check(headers[SERVICE_TOKEN_HEADER], 'revocations')) !== undefined
      ) {
        counts.refused += 1;
        response.writeHead(401).end();
      } else if (state.mood === 'down') response.writeHead(503).end();
      else if (state.mood === 'nonsense') response.end('[["7"]]');
      else if (state.mood === 'up' && headers['if-none-match'] === tag) {
        counts.unchanged += 1;
        response.writeHead(304, { etag: tag }).end();
      } else if (state.mood === 'up') {
        counts.full += 1;
        response.setHeader('etag', tag).end(body);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const revocations = followRemoteRevocations({
      jwksUrl: `http://127.0.0.1:${port}/.well-known/jwks.json`,
      serviceTokens: tokensOf('products', KEYS.products),
      everyMs: EVERY_MS,
      log: createLogger('test', 'silent'),
    });
    opened.push({ server, revocations });
    const verify = createTokenVerifier({
      keys: async () => key,
      issuer: ISSUER,
      audience: ISSUER,
      revocations,
    });
    const kind = async (bearer: string) => (await verify(bearer)).kind;
    return { revocations, verify, kind, counts };
  }

  const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 2));
  };

  it('refuse a token of an earlier generation once the list has it, a remembered token too', async () => {
    const state: Parameters<typeof follower>[0] = { mood: 'up', list: [] };
    const { verify, kind } = await follower(state);
    const [before, after, stranger] = [await token(3), await token(4), await token(0, '8')];
    for (const bearer of [before, after, stranger]) expect(await kind(bearer)).toBe('user');
    state.list = [[7, 4]];
    await until(async () => (await kind(before)) !== 'user');
    expect(await verify(before)).toEqual({
      kind: 'invalid',
      reason: 'it was ended; refresh the session, or log in again',
    });
    for (const bearer of [after, stranger]) expect(await kind(bearer)).toBe('user');
  });

  it('get only the ETag of an unchanged list', async () => {
    const { kind, counts } = await follower({ mood: 'up', list: [[7, 4]] });
    await until(() => counts.unchanged >= 3);
    expect(counts).toMatchObject({ full: 1, refused: 0 });
    expect(await kind(await token(3))).toBe('invalid');
  });

  it.each(['down', 'hanging', 'nonsense'] as const)(
    'keep the last list in force while the endpoint is %s, without waiting, and report its age',
    async (mood) => {
      const state: Parameters<typeof follower>[0] = { mood: 'up', list: [[7, 4]] };
      const { revocations, kind, counts } = await follower(state);
      const [before, after] = [await token(3), await token(4)];
      await until(() => counts.full === 1);
      await until(async () => (await kind(before)) === 'invalid');
      state.mood = mood;
      await until(() => revocations.ageMs() > 10 * EVERY_MS);
      const startedAt = performance.now();
      for (let count = 0; count < 10; count += 1) {
        expect(await kind(before)).toBe('invalid');
        expect(await kind(after)).toBe('user');
      }
      // A call that waited for a hanging endpoint would take the rest of its two seconds.
      expect(performance.now() - startedAt).toBeLessThan(500);
    },
  );

  it('answer "unverifiable" before the first list, and verify as soon as it has come', async () => {
    const state: Parameters<typeof follower>[0] = { mood: 'down', list: [[7, 4]] };
    const { kind } = await follower(state);
    const [before, after] = [await token(3), await token(4)];
    for (const bearer of [before, after]) expect(await kind(bearer)).toBe('unverifiable');
    state.mood = 'up';
    await until(async () => (await kind(after)) === 'user');
    expect(await kind(before)).toBe('invalid');
  });
});
