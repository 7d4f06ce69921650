// Checks access tokens: JWTs by RFC 9068 (`typ: at+jwt`), algorithm, issuer, audience and type pinned.
import type { KeyObject } from 'node:crypto';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { JOSEError, JWKSInvalid, JWKSTimeout } from 'jose/errors';
import { jwtVerify } from 'jose/jwt/verify';
import { LRUCache } from 'lru-cache';
import { parseId } from '../ids.ts';
import type { Logger } from '../observability/log.ts';
import { remoteKeys } from './remote-keys.ts';
import { followRemoteRevocations, type Revocations } from './revocations.ts';
import type { CallingService } from './service-keys.ts';
import { createServiceTokens } from './service-tokens.ts';
import { ANONYMOUS, type Role, type User, type Viewer } from './viewer.ts';

export const TOKEN_ALGORITHM = 'EdDSA';
export const TOKEN_TYPE = 'at+jwt';
/** The claim with the generation of the account at the moment of issue. */
export const GENERATION_CLAIM = 'gen';

export interface TokenVerifierOptions {
  /** Finds the public key of a token: jose's remote or local JWKS. */
  readonly keys: JWTVerifyGetKey;
  readonly issuer: string;
  readonly audience: string;
  /** The tokens that ended before their expiry. */
  readonly revocations: Pick<Revocations, 'hasEnded'>;
  /** How long a valid token is not checked again, ms. The tokens of a withdrawn key are accepted no longer than this. */
  readonly cacheMs?: number;
}

/** Finds the viewer that an `Authorization` header names. */
export type TokenVerifier = (authorization: string | undefined) => Promise<Viewer>;

const CACHED_TOKENS = 10_000;
const BEARER = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i;

/** Reasons by jose's error codes. A reason says what is wrong and quotes no part of the token. */
const REASONS: Record<string, string> = {
  ERR_JWT_EXPIRED: 'it has expired',
  ERR_JWT_CLAIM_VALIDATION_FAILED: 'a claim is not what this service expects',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'its signature does not match',
  ERR_JWKS_NO_MATCHING_KEY: 'it is signed with an unknown key',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'it does not name its key',
  ERR_JOSE_ALG_NOT_ALLOWED: 'its algorithm is not accepted',
  ERR_JOSE_NOT_SUPPORTED: 'its algorithm is not accepted',
};

function reasonOf(error: unknown): string | undefined {
  if (!(error instanceof JOSEError)) return undefined;
  if (error instanceof JWKSTimeout || error instanceof JWKSInvalid) return undefined;
  // jose uses the generic code when a JWKS endpoint answers with an error.
  if (error.code === 'ERR_JOSE_GENERIC') return undefined;
  return REASONS[error.code] ?? 'it is malformed';
}

const MALFORMED: Viewer = { kind: 'invalid', reason: 'a claim is not what this service expects' };
const ENDED: Viewer = { kind: 'invalid', reason: 'it was ended; refresh the session, or log in again' };

/** The content of a valid token. */
interface Verified {
  readonly user: User;
  readonly generation: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Undefined when a claim is not what is expected. */
function readClaims({
  exp = 0,
  sub,
  role,
  email_verified,
  [GENERATION_CLAIM]: generation,
}: JWTPayload): Verified | undefined {
  // jose declares a string, but does not check what the token has.
  const id = typeof sub === 'string' ? parseId(sub) : undefined;
  if (id === undefined || (role !== 'CUSTOMER' && role !== 'STAFF')) return undefined;
  if (typeof generation !== 'number' || !Number.isSafeInteger(generation)) return undefined;
  const emailVerified = email_verified === true;
  const user: User = { kind: 'user', id, role: role satisfies Role, ...(emailVerified && { emailVerified }) };
  return { user, generation, expiresAt: exp * 1000 };
}

/**
 * A verifier that remembers valid tokens, so that most requests need no signature check. After a key is withdrawn, its tokens are
 * accepted for up to `cacheMs` longer, but never past their expiry. It never rejects.
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const cacheMs = options.cacheMs ?? 60_000;
  /** By the whole header in its usual spelling, so that a token in another spelling makes no second entry. */
  const verified = new LRUCache<string, Verified>({ max: CACHED_TOKENS, ttl: cacheMs });

  const headerOf = (token: string): string => `Bearer ${token}`;

  function find(header: string): Verified | undefined {
    const known = verified.get(header);
    return known !== undefined && known.expiresAt > Date.now() ? known : undefined;
  }

  async function verify(token: string): Promise<Verified | undefined> {
    const { payload } = await jwtVerify(token, options.keys, {
      algorithms: [TOKEN_ALGORITHM],
      typ: TOKEN_TYPE,
      issuer: options.issuer,
      audience: options.audience,
      requiredClaims: ['exp', 'iat', 'sub', 'jti', 'role', GENERATION_CLAIM],
    });
    const found = readClaims(payload);
    if (found) verified.set(headerOf(token), found);
    return found;
  }

  async function viewerOf(found: Verified | undefined): Promise<Viewer> {
    if (found === undefined) return MALFORMED;
    return (await options.revocations.hasEnded(found.user.id, found.generation)) ? ENDED : found.user;
  }

  return async (authorization) => {
    if (authorization === undefined) return ANONYMOUS;
    try {
      const known = find(authorization);
      if (known) return await viewerOf(known);
      const token = BEARER.exec(authorization)?.[1];
      if (token === undefined)
        return { kind: 'invalid', reason: 'the header is not of the form "Bearer <JWT>"' };
      return await viewerOf(find(headerOf(token)) ?? (await verify(token)));
    } catch (error) {
      const reason = reasonOf(error);
      return reason === undefined ? { kind: 'unverifiable', cause: error } : { kind: 'invalid', reason };
    }
  };
}

export interface RemoteVerifier {
  readonly verify: TokenVerifier;
  close(): void;
}

/** The verifier of the service `name`, which fetches keys and revocation list from the users service. */
export function createRemoteVerifier(
  name: CallingService,
  settings: {
    readonly JWKS_URL: string;
    readonly JWT_ISSUER: string;
    readonly JWT_AUDIENCE: string;
    readonly SERVICE_KEY: KeyObject;
  },
  log: Logger,
): RemoteVerifier {
  const { JWKS_URL: jwksUrl, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = settings;
  const revocations = followRemoteRevocations({
    jwksUrl,
    serviceTokens: createServiceTokens({ name, key: settings.SERVICE_KEY }),
    log,
  });
  return {
    verify: createTokenVerifier({ keys: remoteKeys(jwksUrl), issuer, audience, revocations }),
    close: revocations.close,
  };
}
