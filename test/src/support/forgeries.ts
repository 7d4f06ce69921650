// Access tokens that every service must refuse: forged, expired, meant for another audience, or made from public data.
import { createHmac, createPublicKey, randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTHeaderParameters, SignJWT } from 'jose';
import type { Account } from './client.ts';
import { UNKNOWN_ID } from './ids.ts';
import type { RunningSystem } from './running-system.ts';

export interface Forgery {
  readonly issuer?: string;
  readonly audience?: string;
  readonly expiresIn?: number;
  readonly notBefore?: number;
  readonly key?: Parameters<SignJWT['sign']>[0];
  readonly without?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

export type Forge = (forgery: Forgery) => Promise<string>;

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Makes tokens of `account`, signed with the system's own key. Without changes such a token is valid. */
export function createForge(system: RunningSystem, account: Pick<Account, 'id'>): Forge {
  return async ({ issuer, audience, expiresIn = 600, notBefore, key, without, claims = {}, header = {} }) => {
    const now = Math.floor(Date.now() / 1000);
    const payload: Record<string, unknown> = {
      sub: account.id,
      role: 'CUSTOMER',
      jti: randomUUID(),
      gen: 0,
      iss: issuer ?? system.issuer,
      aud: audience ?? system.audience,
      iat: now - 1000,
      exp: now + expiresIn,
      ...(notBefore === undefined ? {} : { nbf: now + notBefore }),
      ...claims,
    };
    if (without !== undefined) delete payload[without];
    const protectedHeader: JWTHeaderParameters = {
      alg: 'EdDSA',
      typ: 'at+jwt',
      kid: system.signingKey.kid ?? '',
      ...header,
    };
    return new SignJWT(payload)
      .setProtectedHeader(protectedHeader)
      .sign(key ?? (await importJWK(system.signingKey, 'EdDSA')));
  };
}

/** Tokens that are signed with HMAC, with the public key in each of its forms as the secret. */
function confusions(publicKey: JWK, claims: string): Record<string, string> {
  const keyObject = createPublicKey({ key: { ...publicKey }, format: 'jwk' });
  const forms: Record<string, string | Buffer> = {
    JWK: JSON.stringify(publicKey),
    'a JWK set': JSON.stringify({ keys: [publicKey] }),
    PEM: keyObject.export({ type: 'spki', format: 'pem' }),
    DER: keyObject.export({ type: 'spki', format: 'der' }),
    'the raw key': Buffer.from(publicKey.x ?? '', 'base64url'),
    'its text': publicKey.x ?? '',
  };
  const head = `${encoded({ alg: 'HS256', typ: 'at+jwt', kid: publicKey.kid })}.${claims}`;
  return Object.fromEntries(
    Object.entries(forms).map(([form, secret]) => [
      `a token with alg HS256 made from the public key as ${form}`,
      `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`,
    ]),
  );
}

/** Tokens that an attacker's key signed, with header members that say where to find that key. */
async function ownKeys(forge: Forge, attackerUrl: string): Promise<Record<string, string>> {
  const { privateKey: key, publicKey } = await generateKeyPair('EdDSA', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const headers: Record<string, Record<string, unknown>> = {
    'its own key in jwk': { jwk, kid: undefined },
    'a jku of its own': { jku: `${attackerUrl}/keys.json`, kid: 'mine' },
    'an x5u of its own': { x5u: `${attackerUrl}/chain.pem` },
    'an x5c of its own': { x5c: [jwk.x] },
    'an unknown kid': { kid: 'unknown-key' },
    'a kid that is a path': { kid: '../../../../../../dev/null' },
    'a kid that is SQL': { kid: "' UNION SELECT 'key' --" },
    'a kid that is an address': { kid: `${attackerUrl}/keys.json` },
    'a kid that is a member of every object': { kid: '__proto__' },
    'no kid': { kid: undefined },
  };
  const signed = Object.entries(headers).map(
    async ([name, header]): Promise<[string, string]> => [
      `a token of another key with ${name}`,
      await forge({ key, header, claims: { role: 'STAFF' } }),
    ],
  );
  return {
    ...Object.fromEntries(await Promise.all(signed)),
    'a token signed with another key': await forge({ key }),
  };
}

/** A valid token with one part changed each. */
function bend(token: string): Record<string, string> {
  const [head = '', claims = '', signature = ''] = token.split('.');
  const payload: Record<string, unknown> = JSON.parse(Buffer.from(claims, 'base64url').toString());
  const none = (alg: string) => `${encoded({ alg, typ: 'at+jwt' })}.${claims}.`;
  return {
    'a garbled token': 'garbled',
    'a token with its last signature bytes changed':
      token.slice(0, -6) + (signature.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA'),
    'a token whose role was changed': `${head}.${encoded({ ...payload, role: 'STAFF' })}.${signature}`,
    'a token whose subject was changed': `${head}.${encoded({ ...payload, sub: UNKNOWN_ID })}.${signature}`,
    'a token whose expiry was changed': `${head}.${encoded({ ...payload, exp: 9_999_999_999 })}.${signature}`,
    'a token without its signature': `${head}.${claims}.`,
    'a token with a signature of zeros': `${head}.${claims}.${'A'.repeat(86)}`,
    'a token with alg none': none('none'),
    'a token with alg None': none('None'),
    'a token with alg none and a signature': none('none') + signature,
    'an encrypted token that is none': `${head}.${claims}.${signature}.${signature}.${signature}`,
    'a token of 12 kB': `${head}.${'A'.repeat(12_000)}.${signature}`,
  };
}

/** Makes every kind of bad token. `attackerUrl` is the address that some tokens name for their keys. */
export async function forgeries(
  system: RunningSystem,
  account: Account,
  attackerUrl = 'http://127.0.0.1:9',
): Promise<Record<string, string | undefined>> {
  const forge = createForge(system, account);
  const { d: _, ...publicKey } = system.signingKey;
  return {
    'no token': undefined,
    ...bend(account.token),
    ...confusions(publicKey, account.token.split('.')[1] ?? ''),
    ...(await ownKeys(forge, attackerUrl)),
    'an expired token': await forge({ expiresIn: -10 }),
    'a token that is not valid yet': await forge({ notBefore: 300 }),
    'a token for another audience': await forge({ audience: 'another-party' }),
    'a token of another issuer': await forge({ issuer: 'another-party' }),
    'a token of another type': await forge({ header: { typ: 'JWT' } }),
    'a service token’s type': await forge({ header: { typ: 'service+jwt' } }),
    'a token without a type': await forge({ header: { typ: undefined } }),
    'a token without an expiry': await forge({ without: 'exp' }),
    'a token without a role': await forge({ without: 'role' }),
    'a token without a subject': await forge({ without: 'sub' }),
    'a token whose subject is no id': await forge({ claims: { sub: `0${account.id}` } }),
    'a token whose subject is a number': await forge({ claims: { sub: Number(account.id) } }),
    'a token whose subject is above all ids': await forge({ claims: { sub: '2147483648' } }),
    'a token without a generation': await forge({ without: 'gen' }),
    'a token whose generation is a text': await forge({ claims: { gen: '0' } }),
    'a token without an id': await forge({ without: 'jti' }),
    'a token with a role that there is not': await forge({ claims: { role: 'ADMIN' } }),
    'a token with a list of roles': await forge({ claims: { role: ['STAFF'] } }),
  };
}
