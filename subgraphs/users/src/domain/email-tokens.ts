// Mailed tokens: opaque texts that work once. The database stores only their hashes, and the queue stores a seed, from which only this
// service can derive the token. So a copy of the database and its queue contains no usable token.
import { createHash, createHmac, randomBytes } from 'node:crypto';

/** 32 bytes in base64url. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** The seed of a token, and the stored hash of the token. */
export interface SownToken {
  /** Text of 22 characters. */
  readonly seed: string;
  /** 32 bytes. */
  readonly hash: Buffer<ArrayBuffer>;
}

export interface EmailTokens {
  sow(): SownToken;
  /** The token of the seed, if it has that hash; undefined when its secret is no longer among the secrets. */
  grow(seed: string, hash: Uint8Array): string | undefined;
}

const hashOf = (token: string): Buffer<ArrayBuffer> => createHash('sha256').update(token).digest();

/** @param secrets the first derives new tokens; the others derive tokens of older seeds */
export function createEmailTokens(secrets: readonly [string, ...string[]]): EmailTokens {
  const tokenOf = (secret: string, seed: string): string =>
    createHmac('sha256', secret)
      .update(JSON.stringify(['e-mail', seed]))
      .digest('base64url');
  return {
    sow() {
      const seed = randomBytes(16).toString('base64url');
      return { seed, hash: hashOf(tokenOf(secrets[0], seed)) };
    },
    grow: (seed, hash) =>
      secrets.map((secret) => tokenOf(secret, seed)).find((token) => hashOf(token).equals(hash)),
  };
}

/** The hash for looking up a presented token; undefined when the text cannot be a token. */
export const emailTokenHash = (token: string): Buffer<ArrayBuffer> | undefined =>
  TOKEN.test(token) ? hashOf(token) : undefined;
