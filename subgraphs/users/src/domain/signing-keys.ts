// The keys that sign access tokens: Ed25519 (RFC 8037), from a file with a private JWK set (RFC 7517).
// The first signs, all verify, so that a key can be put in use and taken out without a token being refused.
import { readFile } from 'node:fs/promises';
import { ConfigError } from '@holdfast/platform/config';
import { TOKEN_ALGORITHM } from '@holdfast/platform/tokens';
import { CompactSign, type CryptoKey, calculateJwkThumbprint, compactVerify, importJWK } from 'jose';
import { z } from 'zod';

/** What is published of a key. */
export interface PublicKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly alg: typeof TOKEN_ALGORITHM;
  readonly use: 'sig';
}

export interface SigningKeys {
  readonly signer: { readonly kid: string; readonly key: CryptoKey };
  readonly publicJwks: { readonly keys: PublicKey[] };
}

/** 32 bytes in base64url. */
const HALF = /^[A-Za-z0-9_-]{43}$/;

// Strips whatever else a key says, so that nothing unknown is ever published.
const privateKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().regex(HALF),
  d: z.string().regex(HALF),
});

const privateJwks = z.object({ keys: z.array(z.unknown()).min(1) });

type PrivateKey = z.infer<typeof privateKey>;

/** What went wrong with the file, without its content: neither JSON's nor zod's messages get through. */
const fault = (path: string, message: string): ConfigError =>
  new ConfigError(`SIGNING_KEYS_FILE: ${path}: ${message}`);

/**
 * Reads the signing keys.
 * @throws {ConfigError} saying what is wrong with the file or which key cannot be used, never with key material
 */
export async function readSigningKeys(path: string): Promise<SigningKeys> {
  const jwks = privateJwks.safeParse(parse(path, await readText(path)));
  if (!jwks.success) throw fault(path, 'expected {"keys": [...]} with one key at least');
  const keys = await Promise.all(jwks.data.keys.map((jwk, index) => readKey(path, index + 1, jwk)));
  const kids = keys.map(({ published }) => published.kid);
  const twice = kids.findIndex((kid, index) => kids.indexOf(kid) !== index);
  if (twice >= 0) throw fault(path, `key ${twice + 1} is in it twice`);
  const [first] = keys;
  if (first === undefined) throw fault(path, 'expected one key at least');
  return {
    signer: { kid: first.published.kid, key: first.key },
    publicJwks: { keys: keys.map(({ published }) => published) },
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { data } = z.object({ code: z.string() }).safeParse(error);
    throw fault(path, `cannot be read (${data?.code ?? 'unknown reason'})`);
  }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw fault(path, 'expected JSON');
  }
}

async function readKey(
  path: string,
  position: number,
  jwk: unknown,
): Promise<{ published: PublicKey; key: CryptoKey }> {
  const parsed = privateKey.safeParse(jwk);
  if (!parsed.success) {
    const members = [
      ...new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'the key itself')),
    ];
    throw fault(
      path,
      `key ${position}: expected a private Ed25519 key (kty OKP, crv Ed25519, x, d), at fault: ${members.join(', ')}`,
    );
  }
  const { kty, crv, x } = parsed.data;
  const kid = await calculateJwkThumbprint({ kty, crv, x }, 'sha256');
  const key = await importPair(path, position, parsed.data);
  return { published: { kty, crv, x, kid, alg: TOKEN_ALGORITHM, use: 'sig' }, key };
}

/** The private half, once it has been seen to fit the public one: else every token would be refused everywhere. */
async function importPair(
  path: string,
  position: number,
  { kty, crv, x, d }: PrivateKey,
): Promise<CryptoKey> {
  try {
    const key = await importKey({ kty, crv, x, d });
    const signed = await new CompactSign(new Uint8Array(1))
      .setProtectedHeader({ alg: TOKEN_ALGORITHM })
      .sign(key);
    await compactVerify(signed, await importKey({ kty, crv, x }));
    return key;
  } catch {
    throw fault(path, `key ${position}: expected x to be the public half of d`);
  }
}

async function importKey(jwk: Omit<PrivateKey, 'd'> & { d?: string }): Promise<CryptoKey> {
  const key = await importJWK(jwk, TOKEN_ALGORITHM);
  if (key instanceof Uint8Array) throw new TypeError('an asymmetric key is expected, got a symmetric one');
  return key;
}
