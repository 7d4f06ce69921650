// Refresh tokens: opaque random texts. The database stores only their hashes, so a copy of the database opens no session.
import { createHash, createHmac, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 32;
/** 32 bytes in base64url. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export interface RefreshToken {
  readonly token: string;
  /** 32 bytes. */
  readonly hash: Buffer;
}

/** A fast hash is enough, because 256 random bits cannot be guessed. */
const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

const encodeToken = (bytes: Buffer): RefreshToken => {
  const token = bytes.toString('base64url');
  return { token, hash: hashOf(token) };
};

export const createRefreshToken = (): RefreshToken => encodeToken(randomBytes(TOKEN_BYTES));

/** The possible next tokens after `token`. The first one is issued; all are recognised. */
export type SuccessorsOf = (token: string) => readonly [RefreshToken, ...RefreshToken[]];

/**
 * Derives the next token from the last one instead of generating it at random. So a refresh that is sent again gets the same answer,
 * although only hashes are stored. The secret is needed because otherwise a thief could derive all later tokens from a stolen one.
 * @param secrets the first derives new tokens; the others recognise tokens from before it
 */
export function createSuccessors([first, ...others]: readonly [string, ...string[]]): SuccessorsOf {
  const derive = (secret: string, token: string): RefreshToken =>
    encodeToken(
      createHmac('sha256', secret)
        .update(JSON.stringify(['refresh', token]))
        .digest(),
    );
  return (token) => [derive(first, token), ...others.map((secret) => derive(secret, token))];
}

/** The stored form of an idempotency key, which is only compared. */
export const refreshKeyHash = (key: string | undefined): Buffer | null =>
  key === undefined ? null : hashOf(key);

/** The hash for looking up a presented token; undefined when the text cannot be a token. */
export const refreshTokenHash = (token: string): Buffer | undefined =>
  TOKEN.test(token) ? hashOf(token) : undefined;
