import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import { remoteKeys } from './remote-keys.ts';
import { createTokenVerifier, type TokenVerifier } from './tokens.ts';

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

describe('a token that is known', () => {
  it('is not checked again, and is one entry, however its header is spelt', async () => {
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
  it('asks for the keys once, and not again for a token that it knows', async () => {
    const key = await makeKey();
    const jwks = await endpoint([key.jwk]);
    const header = `Bearer ${await sign(key)}`;
    for (let count = 0; count < 5; count += 1) {
      expect(await jwks.verify(header)).toEqual({ kind: 'user', id: 7, role: 'STAFF' });
    }
    expect(jwks.requests).toBe(1);
  });

  it('says that it cannot tell, rather than "invalid", when it never got a key', async () => {
    const key = await makeKey();
    const jwks = await endpoint([key.jwk]);
    jwks.down = true;
    expect(await jwks.verify(`Bearer ${await sign(key)}`)).toMatchObject({ kind: 'unverifiable' });
  });

  it('does not let a remembered token outlive its expiry', async () => {
    const key = await makeKey();
    const jwks = await endpoint([key.jwk]);
    const header = `Bearer ${await sign(key, '1s')}`;
    expect(await jwks.verify(header)).toMatchObject({ kind: 'user' });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await jwks.verify(header)).toEqual({ kind: 'invalid', reason: 'it has expired' });
  });
});
