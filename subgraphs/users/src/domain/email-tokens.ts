// Tokens that are mailed: opaque text for one use, of which the database keeps the hash. What waits in the queue is a seed, from
// which only this service can make the token: who reads the queue, or a copy of the database, has nothing to use.
import { createHash, createHmac, randomBytes } from 'node:crypto';

/** 32 bytes in base64url. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** What a token is made of, and what is stored of it. */
export interface SownToken {
  /** Text of 22 characters. */
  readonly seed: string;
  /** 32 bytes. */
  readonly hash: Buffer<ArrayBuffer>;
}

export interface EmailTokens {
  sow(): SownToken;
  /** The token of a seed whose hash is the one that is stored; undefined when it was made with a secret that is gone. */
  grow(seed: string, hash: Uint8Array): string | undefined;
}

const hashOf = (token: string): Buffer<ArrayBuffer> => createHash('sha256').update(token).digest();

/** @param secrets the first makes tokens; the others count for seeds that were sown before it */
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

/** The hash by which a token that came is looked up; undefined when it cannot be one. */
export const emailTokenHash = (token: string): Buffer<ArrayBuffer> | undefined =>
  TOKEN.test(token) ? hashOf(token) : undefined;
