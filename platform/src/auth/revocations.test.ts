// Verifiers over a revocation list that changes, is not to be had, or never was.
import { createServer, type Server } from 'node:http';
import { afterEach, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import { createLogger } from '../observability/log.ts';
import { followRemoteRevocations, REVOCATIONS_PATH, type Revocations } from './revocations.ts';
import { createCallerCheck, SERVICE_TOKEN_HEADER } from './service-tokens.ts';
import { newServiceKeys, publicKeysFrom, tokensOf } from './testing-services.ts';
import { createTokenVerifier } from './tokens.ts';

const ISSUER = 'test';
const KEYS = newServiceKeys();
const EVERY_MS = 20;
const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
const key = await importJWK(await exportJWK(publicKey), 'EdDSA');

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

it('refuse a token of an earlier generation once the list says so, one that they remember too', async () => {
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

it('are given a list that is as it was by its tag alone', async () => {
  const { kind, counts } = await follower({ mood: 'up', list: [[7, 4]] });
  await until(() => counts.unchanged >= 3);
  expect(counts).toMatchObject({ full: 1, refused: 0 });
  expect(await kind(await token(3))).toBe('invalid');
});

it.each(['down', 'hanging', 'nonsense'] as const)(
  'keep the last list in force while the endpoint is %s, wait for nothing, and tell how old it is',
  async (mood) => {
    const state: Parameters<typeof follower>[0] = { mood: 'up', list: [[7, 4]] };
    const { revocations, kind, counts } = await follower(state);
    const [before, after] = [await token(3), await token(4)];
    await until(() => counts.full === 1);
    await until(async () => (await kind(before)) === 'invalid');
    state.mood = mood;
    await until(() => revocations.ageMs() > 10 * EVERY_MS);
    const startedAt = performance.now();
    for (let count = 0; count < 100; count += 1) {
      expect(await kind(before)).toBe('invalid');
      expect(await kind(after)).toBe('user');
    }
    expect(performance.now() - startedAt).toBeLessThan(500);
  },
);

it('cannot tell about any token before the first list, and can as soon as it has come', async () => {
  const state: Parameters<typeof follower>[0] = { mood: 'down', list: [[7, 4]] };
  const { kind } = await follower(state);
  const [before, after] = [await token(3), await token(4)];
  for (const bearer of [before, after]) expect(await kind(bearer)).toBe('unverifiable');
  state.mood = 'up';
  await until(async () => (await kind(after)) === 'user');
  expect(await kind(before)).toBe('invalid');
});
