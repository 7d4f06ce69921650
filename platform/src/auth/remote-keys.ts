// The public keys that the users service publishes (RFC 7517), for the verifiers of its tokens. A verifier that has fetched
// the keys once never waits for them again: an endpoint that is down, or accepts calls and never answers, signs no user out.
import type { JWTVerifyGetKey } from 'jose';
import { JWKSNoMatchingKey } from 'jose/errors';
import { createRemoteJWKSet, customFetch } from 'jose/jwks/remote';
import { singleFlight } from '../single-flight.ts';

export interface RemoteKeysOptions {
  /** How long after the last fetch an unknown `kid` starts no other fetch, ms, whichever caller started the last one. */
  readonly coolDownMs?: number;
}

const TIMEOUT_MS = 3_000;
const COOL_DOWN_MS = 10_000;
/** How long no caller fetches again after a failure, ms. */
const RETRY_MS = 1_000;
/** For replies that do not say how long they are valid. */
const DEFAULT_MAX_AGE_S = 300;
const MAX_AGE_S = 3_600;

/**
 * How long a key set may be used, by the Cache-Control of its reply (RFC 9111). The users service chooses it shorter than the
 * time between publishing a key and signing with it.
 */
export function maxAgeMs(cacheControl: string | null): number {
  const seconds = /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(cacheControl ?? '')?.[1];
  const ms = Math.min(seconds === undefined ? DEFAULT_MAX_AGE_S : Number(seconds), MAX_AGE_S) * 1_000;
  return Math.max(ms, RETRY_MS);
}

/**
 * Finds keys at `url`. Keys that were fetched are used at once, and fetched again by a timer once they are as old as the
 * endpoint allows. An unknown `kid` starts a fetch, unless one has ended within the cool-down: forged tokens cannot hammer the
 * endpoint. Rejects with an error other than jose's "no matching key" when the endpoint was never reached or does not answer,
 * because then it is not known whether the key exists.
 */
export function remoteKeys(
  url: string,
  { coolDownMs = COOL_DOWN_MS }: RemoteKeysOptions = {},
): JWTVerifyGetKey {
  let nextFetchMs = RETRY_MS;
  const remote = createRemoteJWKSet(new URL(url), {
    timeoutDuration: TIMEOUT_MS,
    // The timing is decided here: jose would make callers wait for keys that are old, and would not cool down after a failure.
    cooldownDuration: Number.POSITIVE_INFINITY,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    [customFetch]: async (...args) => {
      const response = await fetch(...args);
      nextFetchMs = maxAgeMs(response.headers.get('cache-control'));
      return response;
    },
  });
  let hasKeys = false;
  let isLoading = false;
  let endedAt = Number.NEGATIVE_INFINITY;
  let lastError: unknown;
  let timer: NodeJS.Timeout | undefined;

  const fetchKeys = singleFlight(async () => {
    clearTimeout(timer);
    isLoading = true;
    try {
      await remote.reload();
      hasKeys = true;
      lastError = undefined;
    } catch (error) {
      lastError = error;
      nextFetchMs = RETRY_MS;
      throw error;
    } finally {
      endedAt = performance.now();
      isLoading = false;
      // Until the first key set has been fetched, each request tries to fetch it.
      if (hasKeys) timer = setTimeout(() => fetchKeys().catch(() => undefined), nextFetchMs).unref();
    }
  });
  const hasFetchedWithin = (ms: number): boolean => !isLoading && performance.now() - endedAt < ms;

  return async (header, token) => {
    if (!hasKeys) {
      if (hasFetchedWithin(RETRY_MS)) throw lastError;
      await fetchKeys();
    }
    try {
      return await remote(header, token);
    } catch (error) {
      if (!(error instanceof JWKSNoMatchingKey)) throw error;
      if (hasFetchedWithin(coolDownMs)) throw lastError ?? error;
      await fetchKeys();
      return remote(header, token);
    }
  };
}
