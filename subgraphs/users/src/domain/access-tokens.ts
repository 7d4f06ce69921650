// Issues access tokens: JWTs (RFC 9068). platform/src/auth/tokens.ts verifies them.
import { randomUUID } from 'node:crypto';
import { GENERATION_CLAIM, TOKEN_ALGORITHM, TOKEN_TYPE } from '@holdfast/platform/auth/tokens';
import type { Role } from '@holdfast/platform/auth/viewer';
import { SignJWT } from 'jose/jwt/sign';
import type { Signer } from '../keys/key-ring.ts';

export interface AccessTokenOptions {
  /** The key to sign with at this moment. */
  readonly signer: () => Signer;
  readonly issuer: string;
  readonly audience: string;
  readonly ttlSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface AccessToken {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
}

export type IssueAccessToken = (account: {
  readonly id: number;
  readonly role: Role;
  readonly tokenGeneration: number;
  readonly emailVerifiedAt?: Date | null;
}) => Promise<AccessToken>;

export function createAccessTokenIssuer(options: AccessTokenOptions): IssueAccessToken {
  const { signer, issuer, audience, ttlSeconds, now = Date.now } = options;
  return async ({ id, role, tokenGeneration, emailVerifiedAt = null }) => {
    const issuedAt = Math.floor(now() / 1000);
    const { kid, key } = signer();
    const token = await new SignJWT({
      role,
      [GENERATION_CLAIM]: tokenGeneration,
      ...(emailVerifiedAt !== null && { email_verified: true }),
    })
      .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: TOKEN_TYPE, kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(String(id))
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + ttlSeconds)
      .sign(key);
    return { token, expiresIn: ttlSeconds };
  };
}
