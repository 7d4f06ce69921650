// Reads the keys that sign access tokens: Ed25519 (RFC 8037), from a file with a private JWK set (RFC 7517). key-schedule.ts decides
// which key signs and which keys verify.
import { readFile, realpath } from 'node:fs/promises';
import { TOKEN_ALGORITHM } from '@holdfast/platform/auth/tokens';
import { ConfigError } from '@holdfast/platform/settings';
import type { CryptoKey } from 'jose';
import { calculateJwkThumbprint } from 'jose/jwk/thumbprint';
import { CompactSign } from 'jose/jws/compact/sign';
import { compactVerify } from 'jose/jws/compact/verify';
import { importJWK } from 'jose/key/import';
import { z } from 'zod';

/** The published part of a key. */
export interface PublicKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly alg: typeof TOKEN_ALGORITHM;
  readonly use: 'sig';
}

export interface SigningKey {
  readonly published: PublicKey;
  readonly key: CryptoKey;
  /** When the key was made, in seconds since the epoch: the member `iat` of the key. */
  readonly issuedAt: number | undefined;
  /** The key as it is in the file. */
  readonly jwk: unknown;
}

/** 32 bytes in base64url. */
const HALF = /^[A-Za-z0-9_-]{43}$/;

// This drops all other members of a key, so that no unknown member is published.
const privateKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().regex(HALF),
  d: z.string().regex(HALF),
  iat: z.number().int().min(0).max(8_640_000_000_000).optional(),
});

const privateJwks = z.object({ keys: z.array(z.unknown()).min(1) });

type PrivateKey = z.infer<typeof privateKey>;

/** An error without content of the file: messages of JSON.parse and zod are not included. */
const keyFileError = (path: string, message: string): ConfigError =>
  new ConfigError(`SIGNING_KEYS_FILE: ${path}: ${message}`);

/**
 * The signing keys in `text`, in their order. `path` is the file, for messages.
 * @throws {ConfigError} saying what is wrong with the file or which key cannot be used, never with key material
 */
export async function parseSigningKeys(path: string, text: string): Promise<SigningKey[]> {
  const jwks = privateJwks.safeParse(parse(path, text));
  if (!jwks.success) throw keyFileError(path, 'expected {"keys": [...]} with at least one key');
  const keys = await Promise.all(jwks.data.keys.map((jwk, index) => readKey(path, index + 1, jwk)));
  const kids = keys.map(({ published }) => published.kid);
  const twice = kids.findIndex((kid, index) => kids.indexOf(kid) !== index);
  if (twice >= 0) throw keyFileError(path, `key ${twice + 1} is in it twice`);
  return keys;
}

/** @throws {ConfigError} when the file cannot be read */
export async function readSigningKeyFile(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

/**
 * Resolves a symbolic link to the file, so that a writer replaces the file and not the link.
 * @throws {ConfigError} when there is no file
 */
export async function findSigningKeyFile(path: string): Promise<string> {
  return realpath(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

function unreadable(path: string, error: unknown): ConfigError {
  const { data } = z.object({ code: z.string() }).safeParse(error);
  return keyFileError(path, `cannot be read (${data?.code ?? 'unknown reason'})`);
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw keyFileError(path, 'expected JSON');
  }
}

async function readKey(path: string, position: number, jwk: unknown): Promise<SigningKey> {
  const parsed = privateKey.safeParse(jwk);
  if (!parsed.success) {
    const members = [
      ...new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'the key itself')),
    ];
    throw keyFileError(
      path,
      `key ${position}: expected a private Ed25519 key (kty OKP, crv Ed25519, x, d); wrong or missing: ${members.join(', ')}`,
    );
  }
  const { kty, crv, x, iat } = parsed.data;
  const kid = await calculateJwkThumbprint({ kty, crv, x }, 'sha256');
  const key = await importPair(path, position, parsed.data);
  return { published: { kty, crv, x, kid, alg: TOKEN_ALGORITHM, use: 'sig' }, key, issuedAt: iat, jwk };
}

/** Imports the private half and checks that it fits the public half, because otherwise verifiers would refuse every token. */
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
    throw keyFileError(path, `key ${position}: expected x to be the public half of d`);
  }
}

async function importKey(jwk: Omit<PrivateKey, 'd' | 'iat'> & { d?: string }): Promise<CryptoKey> {
  const key = await importJWK(jwk, TOKEN_ALGORITHM);
  if (key instanceof Uint8Array) throw new TypeError('an asymmetric key is expected, got a symmetric one');
  return key;
}
