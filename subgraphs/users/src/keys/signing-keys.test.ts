// The file with the signing keys: what is published of it, and what is said of one that cannot be used.

import { createTokenVerifier } from '@holdfast/platform/auth/tokens';
import { createLogger } from '@holdfast/platform/observability/log';
import { ConfigError } from '@holdfast/platform/settings';
import { describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, exportJWK, generateKeyPair } from 'jose';
import { createAccessTokenIssuer } from '../domain/access-tokens.ts';
import { createKey, temporaryFile } from '../testing.ts';
import { type KeyRing, openKeyRing } from './key-ring.ts';

async function read(content: unknown): Promise<KeyRing> {
  const file = await temporaryFile(typeof content === 'string' ? content : JSON.stringify(content));
  try {
    return await open(file.path);
  } finally {
    await file.remove();
  }
}

async function open(path: string): Promise<KeyRing> {
  const times = { leadS: 900, tokenTtlS: 900 };
  const log = createLogger('users', 'silent');
  const ring = await openKeyRing({ path, times, pollMs: 60_000, log, onRotation: () => undefined });
  await ring.close();
  return ring;
}

const issuerOf = ({ signer }: KeyRing, now?: () => number) =>
  createAccessTokenIssuer({ signer, issuer: 'us', audience: 'you', ttlSeconds: 900, ...(now && { now }) });

const verifierOf = (ring: KeyRing) =>
  createTokenVerifier({
    keys: createLocalJWKSet({ keys: [...ring.publicJwks().keys] }),
    issuer: 'us',
    audience: 'you',
    revocations: { hasEnded: async () => false },
  });

const user = { id: 7, role: 'STAFF' } as const;
const account = { ...user, tokenGeneration: 0 };

describe('signing keys', () => {
  it('publish nothing but the public members, whatever else the file says of a key', async () => {
    const key = { ...(await createKey()), kid: 'mine', key_ops: ['sign'], note: 'the spare one' };
    const publicJwks = (await read({ keys: [key] })).publicJwks();
    expect(Object.keys(publicJwks.keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
    expect(JSON.stringify(publicJwks)).not.toContain(key.d);
    expect(publicJwks.keys[0]?.kid).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it('without an age sign with the first and verify with all, so that a key can be changed under live tokens', async () => {
    const [old, next] = [await createKey(), await createKey()];
    const before = await read({ keys: [old] });
    const during = await read({ keys: [next, old] });
    const after = await read({ keys: [next] });
    const { token: oldToken } = await issuerOf(before)(account);
    const { token: nextToken } = await issuerOf(during)(account);
    const kinds = async (keys: KeyRing) =>
      Promise.all(
        [oldToken, nextToken].map(async (token) => (await verifierOf(keys)(`Bearer ${token}`)).kind),
      );
    expect(await kinds(before)).toEqual(['user', 'invalid']);
    expect(await kinds(during)).toEqual(['user', 'user']);
    expect(await kinds(after)).toEqual(['invalid', 'user']);
  });

  it('make tokens that say who, with which role, and that end', async () => {
    const keys = await read({ keys: [await createKey()] });
    const { token, expiresIn } = await issuerOf(keys)(account);
    expect(expiresIn).toBe(900);
    expect(await verifierOf(keys)(`Bearer ${token}`)).toEqual({ kind: 'user', ...user });
    const { token: old } = await issuerOf(keys, () => Date.now() - 901_000)(account);
    expect(await verifierOf(keys)(`Bearer ${old}`)).toEqual({ kind: 'invalid', reason: 'it has expired' });
  });
});

describe('a file of keys that cannot be used', () => {
  const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3J';
  const errorOf = async (content: unknown): Promise<string> => {
    const error: unknown = await read(content).catch((thrown: unknown) => thrown);
    if (!(error instanceof ConfigError)) throw new Error(`a ConfigError is expected, got ${error}`);
    expect(error.cause).toBeUndefined();
    expect(error.stack).not.toContain(secret.slice(0, 8));
    return error.message.replace(/\/\S*keys\.json/, 'FILE');
  };

  it('is named when it is not there', async () => {
    await expect(open('/nowhere/keys.json')).rejects.toThrow(
      new ConfigError('SIGNING_KEYS_FILE: /nowhere/keys.json: cannot be read (ENOENT)'),
    );
  });

  it('says so when it is no JSON, without quoting it', async () => {
    expect(await errorOf(`${secret}}`)).toBe('SIGNING_KEYS_FILE: FILE: expected JSON');
  });

  it.each([[{}], [[]], ['null'], [{ keys: [] }], [{ keys: secret }], [{ kty: 'OKP', d: secret }]])(
    'says so when it is no JWK set (%#)',
    async (content) => {
      expect(await errorOf(content)).toBe(
        'SIGNING_KEYS_FILE: FILE: expected {"keys": [...]} with one key at least',
      );
    },
  );

  it('says which key is at error, and in which member', async () => {
    const good = await createKey();
    const { d: _, ...publicOnly } = good;
    const kind = 'expected a private Ed25519 key (kty OKP, crv Ed25519, x, d), at error:';
    expect(await errorOf({ keys: [good, publicOnly] })).toBe(`SIGNING_KEYS_FILE: FILE: key 2: ${kind} d`);
    expect(await errorOf({ keys: [{ ...good, d: `${secret}!` }] })).toBe(
      `SIGNING_KEYS_FILE: FILE: key 1: ${kind} d`,
    );
    expect(await errorOf({ keys: [{ ...good, iat: 'yesterday' }] })).toBe(
      `SIGNING_KEYS_FILE: FILE: key 1: ${kind} iat`,
    );
    expect(await errorOf({ keys: [secret] })).toBe(`SIGNING_KEYS_FILE: FILE: key 1: ${kind} the key itself`);
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    expect(await errorOf({ keys: [await exportJWK(privateKey)] })).toBe(
      `SIGNING_KEYS_FILE: FILE: key 1: ${kind} kty, crv`,
    );
  });

  it('says so when the halves of a key do not belong together', async () => {
    const [one, other] = [await createKey(), await createKey()];
    expect(await errorOf({ keys: [{ ...one, x: other.x }] })).toBe(
      'SIGNING_KEYS_FILE: FILE: key 1: expected x to be the public half of d',
    );
  });

  it('says so when a key is in it twice', async () => {
    const key = await createKey();
    expect(await errorOf({ keys: [key, await createKey(), key] })).toBe(
      'SIGNING_KEYS_FILE: FILE: key 3 is in it twice',
    );
  });
});
