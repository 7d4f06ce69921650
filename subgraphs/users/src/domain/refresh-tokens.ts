// Refresh tokens: opaque random text. The database knows their hashes only, so a copy of it opens no session.
import { createHash, createHmac, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 32;
/** 32 bytes in base64url. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export interface RefreshToken {
  readonly token: string;
  /** 32 bytes. */
  readonly hash: Buffer;
}

/** 256 random bits need no slow hash: there is nothing to guess. */
const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

const refreshToken = (bytes: Buffer): RefreshToken => {
  const token = bytes.toString('base64url');
  return { token, hash: hashOf(token) };
};

export const createRefreshToken = (): RefreshToken => refreshToken(randomBytes(TOKEN_BYTES));

/** The tokens that may follow `token`: the first is issued, all are known again. */
export type SuccessorsOf = (token: string) => readonly [RefreshToken, ...RefreshToken[]];

/**
 * Derives the next token instead of drawing it, so that a refresh that is sent again can be given the same answer although
 * only hashes are stored. Without a secret, a stolen token would make all that come after it.
 * @param secrets the first is used; the others count for what was issued before it
 */
export function createSuccessors([first, ...others]: readonly [string, ...string[]]): SuccessorsOf {
  const derive = (secret: string, token: string): RefreshToken =>
    refreshToken(
      createHmac('sha256', secret)
        .update(JSON.stringify(['refresh', token]))
        .digest(),
    );
  return (token) => [derive(first, token), ...others.map((secret) => derive(secret, token))];
}

/** What is kept of an idempotency key: it is compared, and never shown. */
export const refreshKeyHash = (key: string | undefined): Buffer | null =>
  key === undefined ? null : hashOf(key);

/** The hash by which a token that came is looked up; undefined when it cannot be one. */
export const refreshTokenHash = (token: string): Buffer | undefined =>
  TOKEN.test(token) ? hashOf(token) : undefined;
