// Tokens by which services know each other: a JWT (HS256, `typ: service+jwt`) that says who calls and who is called.
// It goes beside the end user's access token and never in its place: it opens the door and gives no right.
import { errors, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';

export const SERVICE_TOKEN_HEADER = 'service-authorization';

const ALGORITHM = 'HS256';
const TYPE = 'service+jwt';
const LIFETIME_S = 60;
/** The other half of its life is for what is on its way, and for clocks that differ. */
const REUSED_FOR_MS = 30_000;
/** One of each caller is in use at a time; only good ones are remembered, so nobody else can fill this. */
const REMEMBERED = 1_000;
const BEARER = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/;

export interface ServiceTokenOptions {
  /** The name of the service that calls, or is called. */
  readonly name: string;
  /** The first signs, all verify: a new one is added behind, then put first, and the old one taken out. */
  readonly secrets: readonly [string, ...string[]];
  readonly now?: () => number;
}

/** The value of `Service-Authorization` for a call of `target`. */
export type ServiceTokens = (target: string) => Promise<string>;

/** Why a call is refused, for the log; undefined when it comes from a service and is meant for this one. */
export type CallerCheck = (header: string | string[] | undefined) => Promise<string | undefined>;

const keyOf = (secret: string): Uint8Array => new TextEncoder().encode(secret);

/** Tokens of the service `name`, minted anew every 30 s for each target. */
export function createServiceTokens({ name, secrets, now = Date.now }: ServiceTokenOptions): ServiceTokens {
  const key = keyOf(secrets[0]);
  const minted = new Map<string, { readonly header: Promise<string>; readonly until: number }>();

  async function mint(target: string): Promise<string> {
    const seconds = Math.floor(now() / 1_000);
    const token = await new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
      .setIssuer(name)
      .setAudience(target)
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + LIFETIME_S)
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

/** A check for the service `name` that costs one look-up for a token that it has seen. It never rejects. */
export function createCallerCheck({ name, secrets, now = Date.now }: ServiceTokenOptions): CallerCheck {
  const keys = secrets.map(keyOf);
  /** When a good token expires, ms since the epoch. */
  const verified = new LRUCache<string, number>({ max: REMEMBERED });

  async function fault(token: string): Promise<string | undefined> {
    let reason = 'no secret was tried';
    for (const key of keys) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          typ: TYPE,
          audience: name,
          requiredClaims: ['iss', 'iat', 'exp'],
          currentDate: new Date(now()),
        });
        verified.set(token, (payload.exp ?? 0) * 1_000);
        return undefined;
      } catch (error) {
        reason = error instanceof errors.JOSEError ? error.code : 'it cannot be checked';
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) return reason;
      }
    }
    return reason;
  }

  return async (header) => {
    if (header === undefined) return 'there is none';
    const token = typeof header === 'string' ? BEARER.exec(header)?.[1] : undefined;
    if (token === undefined) return 'it is not of the form "Bearer <JWT>"';
    return now() < (verified.get(token) ?? 0) ? undefined : fault(token);
  };
}
