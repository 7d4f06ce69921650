// Refresh tokens: opaque random text. The database knows their hashes only, so a copy of it opens no session.
import { createHash, randomBytes } from 'node:crypto';

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

export function createRefreshToken(): RefreshToken {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  return { token, hash: hashOf(token) };
}

/** The hash by which a token that came is looked up; undefined when it cannot be one. */
export const refreshTokenHash = (token: string): Buffer | undefined =>
  TOKEN.test(token) ? hashOf(token) : undefined;
