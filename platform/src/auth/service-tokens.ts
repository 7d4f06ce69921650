// Service tokens, by which services recognise each other: a JWT (EdDSA, `typ: service+jwt`) that names the calling and the called
// service. Each calling service signs with its own key and the called ones know public keys only, so no service can pass for
// another. A service token never replaces the access token of the user: it lets a call in and grants no right.
import type { KeyObject } from 'node:crypto';
import { JOSEError, JWSSignatureVerificationFailed } from 'jose/errors';
import { decodeJwt } from 'jose/jwt/decode';
import { SignJWT } from 'jose/jwt/sign';
import { jwtVerify } from 'jose/jwt/verify';
import { LRUCache } from 'lru-cache';
import { CALLING_SERVICES, type CallingService, type ServicePublicKeys } from './service-keys.ts';

export const SERVICE_TOKEN_HEADER = 'service-authorization';

/** Which service may call which, and for what purpose. All other calls are refused: products never needs the graph of users. */
const CALLS = {
  users: { graphql: ['gateway'], revocations: ['gateway', 'products', 'orders'] },
  products: { graphql: ['gateway', 'orders'], revocations: [] },
  orders: { graphql: ['gateway'], revocations: [] },
} as const satisfies Record<string, Record<string, readonly CallingService[]>>;

export type CalledService = keyof typeof CALLS;
/** The purpose of a call. */
export type CallPurpose = keyof (typeof CALLS)[CalledService];

const ALGORITHM = 'EdDSA';
const TYPE = 'service+jwt';
/** From `iat` to `exp`. */
const LIFETIME_S = 60;
const REUSED_FOR_MS = 30_000;
/**
 * `iat` lies this much before the moment of signing. A token from the future is refused, so this is how far the two clocks may
 * differ. The same time is left until `exp` when a token is used for the last time.
 */
const DATED_BACK_S = 15;
/** Each caller uses one token at a time. Only valid tokens are remembered, so strangers cannot fill the cache. */
const REMEMBERED = 1_000;
const BEARER = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/;

/** The value of `Service-Authorization` for a call of `target`. */
export type ServiceTokens = (target: CalledService) => Promise<string>;

/** Returns why a call is refused, for the log; undefined when the caller may call this service for that purpose. */
export type CallerCheck = (
  header: string | string[] | undefined,
  purpose: CallPurpose,
) => Promise<string | undefined>;

/** Creates the tokens of the service `name`: a new one every 30 s for each target. */
export function createServiceTokens({
  name,
  key,
  now = Date.now,
}: {
  readonly name: CallingService;
  readonly key: KeyObject;
  readonly now?: () => number;
}): ServiceTokens {
  const minted = new Map<string, { readonly header: Promise<string>; readonly until: number }>();

  async function mint(target: string): Promise<string> {
    const issuedAt = Math.floor(now() / 1_000) - DATED_BACK_S;
    const token = await new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
      .setIssuer(name)
      .setAudience(target)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + LIFETIME_S)
      .sign(key);
    return `Bearer ${token}`;
  }

  return (target) => {
    const known = minted.get(target);
    if (known !== undefined && now() < known.until) return known.header;
    const header = mint(target);
    minted.set(target, { header, until: now() + REUSED_FOR_MS });
    return header;
  };
}

/** The issuer that the token names, before its signature is checked. */
function callerIn(token: string): CallingService | undefined {
  try {
    const { iss } = decodeJwt(token);
    return CALLING_SERVICES.find((service) => service === iss);
  } catch {
    return undefined;
  }
}

/** A check for the service `name`. A token that it has seen costs one look-up. It never rejects. */
export function createCallerCheck({
  name,
  keys,
  now = Date.now,
}: {
  readonly name: CalledService;
  readonly keys: ServicePublicKeys;
  readonly now?: () => number;
}): CallerCheck {
  /** By token: its caller, and when the token expires, ms since the epoch. */
  const verified = new LRUCache<string, { readonly caller: CallingService; readonly until: number }>({
    max: REMEMBERED,
  });

  /** The caller, or why the token is refused. Signature checks are slow, so only the keys of the named caller are tried. */
  async function verify(token: string): Promise<{ caller: CallingService } | { reason: string }> {
    const caller = callerIn(token);
    if (caller === undefined) return { reason: 'it names no service that calls others' };
    for (const key of keys[caller]) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          typ: TYPE,
          issuer: caller,
          audience: name,
          requiredClaims: ['exp'],
          maxTokenAge: LIFETIME_S,
          currentDate: new Date(now()),
        });
        const { exp = 0, iat = 0 } = payload;
        if (exp - iat > LIFETIME_S) return { reason: `it lives longer than ${LIFETIME_S} s` };
        verified.set(token, { caller, until: exp * 1_000 });
        return { caller };
      } catch (error) {
        if (error instanceof JWSSignatureVerificationFailed) continue;
        return { reason: error instanceof JOSEError ? error.message : 'it cannot be checked' };
      }
    }
    return { reason: `it is signed with no key of ${caller}` };
  }

  function findVerified(token: string): { caller: CallingService } | undefined {
    const found = verified.get(token);
    return found !== undefined && now() < found.until ? found : undefined;
  }

  return async (header, purpose) => {
    if (header === undefined) return 'there is none';
    const token = typeof header === 'string' ? BEARER.exec(header)?.[1] : undefined;
    if (token === undefined) return 'it is not of the form "Bearer <JWT>"';
    const found = findVerified(token) ?? (await verify(token));
    if ('reason' in found) return found.reason;
    const allowed: readonly CallingService[] = CALLS[name][purpose];
    return allowed.includes(found.caller) ? undefined : `${found.caller} may not call ${name} for ${purpose}`;
  };
}
