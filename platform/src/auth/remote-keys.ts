// The public keys that the users service publishes (RFC 7517), for those who check its tokens. Whoever has had them
// once waits for them no more: an endpoint that is down, or takes calls and never answers, signs nobody out.
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { singleFlight } from '../single-flight.ts';

export interface RemoteKeysOptions {
  /** How long after the last attempt an unknown `kid` does not ask again, ms, whoever it was that tried. */
  readonly coolDownMs?: number;
}

const TIMEOUT_MS = 3_000;
const COOL_DOWN_MS = 10_000;
/** How long nobody tries again after a failure, ms. */
const RETRY_MS = 1_000;
/** For replies that do not say how long they are good. */
const DEFAULT_MAX_AGE_S = 300;
const MAX_AGE_S = 3_600;

/** By the reply's Cache-Control (RFC 9111), which the issuer fits to the time between publishing a key and its use. */
export function maxAgeMs(cacheControl: string | null): number {
  const seconds = /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(cacheControl ?? '')?.[1];
  const ms = Math.min(seconds === undefined ? DEFAULT_MAX_AGE_S : Number(seconds), MAX_AGE_S) * 1_000;
  return Math.max(ms, RETRY_MS);
}

/**
 * Finds keys at `url`. Those it has had are answered with at once, and asked for again by the clock once they are as
 * old as the endpoint allows. A `kid` that is not among them asks, unless somebody has within the cool-down, so that
 * forged ones cannot hammer the endpoint. Rejects with something else than jose's "no matching key" when nobody can
 * tell, because the endpoint was never reached or does not answer now.
 */
export function remoteKeys(
  url: string,
  { coolDownMs = COOL_DOWN_MS }: RemoteKeysOptions = {},
): JWTVerifyGetKey {
  let nextAskMs = RETRY_MS;
  const remote = createRemoteJWKSet(new URL(url), {
    timeoutDuration: TIMEOUT_MS,
    // When to ask is decided here: jose would make callers wait for keys that are old, and not cool down after a failure.
    cooldownDuration: Number.POSITIVE_INFINITY,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    [customFetch]: async (...args) => {
      const response = await fetch(...args);
      nextAskMs = maxAgeMs(response.headers.get('cache-control'));
      return response;
    },
  });
  let hasKeys = false;
  let isLoading = false;
  let endedAt = Number.NEGATIVE_INFINITY;
  let failure: unknown;
  let timer: NodeJS.Timeout | undefined;

  /** All callers share one attempt. */
  const ask = singleFlight(async () => {
    clearTimeout(timer);
    isLoading = true;
    try {
      await remote.reload();
      hasKeys = true;
      failure = undefined;
    } catch (error) {
      failure = error;
      nextAskMs = RETRY_MS;
      throw error;
    } finally {
      endedAt = performance.now();
      isLoading = false;
      // Who has no keys yet asks when somebody comes.
      if (hasKeys) timer = setTimeout(() => ask().catch(() => undefined), nextAskMs).unref();
    }
  });
  const askedWithin = (ms: number): boolean => !isLoading && performance.now() - endedAt < ms;

  return async (header, token) => {
    if (!hasKeys) {
      if (askedWithin(RETRY_MS)) throw failure;
      await ask();
    }
    try {
      return await remote(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (askedWithin(coolDownMs)) throw failure ?? error;
      await ask();
      return remote(header, token);
    }
  };
}
