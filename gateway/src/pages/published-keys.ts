// The users service's public keys, through the gateway: `/.well-known/jwks.json` (RFC 7517).

import { maxAgeMs } from '@holdfast/platform/auth/remote-keys';
import { AppError } from '@holdfast/platform/errors';
import type { Reply } from '@holdfast/platform/http/server';
import { singleFlight } from '@holdfast/platform/single-flight';
import { request } from 'undici';

export interface PublishedKeys {
  /** The key set. @throws {AppError} SERVICE_UNAVAILABLE when the gateway has never received one */
  answer(): Promise<Reply>;
}

const FETCH_TIMEOUT_MS = 1_500;
/** How long the gateway and its clients may use a copy, ms, unless the users service allows less. */
const FRESH_MS = 15_000;
/** How long the gateway uses an old copy before it tries again, ms, so that requests do not wait for a dead service. */
const RETRY_MS = 2_000;

interface Loaded {
  readonly body: string;
  readonly freshMs: number;
}

const headersFor = (freshMs: number) => ({
  'content-type': 'application/jwk-set+json',
  'cache-control': `public, max-age=${freshMs / 1_000}`,
});

async function load(url: string): Promise<Loaded> {
  const reply = await request(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  const body = await reply.body.text();
  if (reply.statusCode !== 200 || !isKeySet(body)) {
    throw new Error(`expected a key set with status 200, got status ${reply.statusCode}`);
  }
  const cacheControl = reply.headers['cache-control'];
  return { body, freshMs: Math.min(FRESH_MS, maxAgeMs(String(cacheControl ?? ''))) };
}

/** Keeps the last good copy, so that the keys stay available while the users service is down. */
export function createPublishedKeys(url: string): PublishedKeys {
  let copy: (Loaded & { readonly goodUntil: number }) | undefined;
  const refresh = singleFlight(async () => {
    const loaded = await load(url);
    copy = { ...loaded, goodUntil: Date.now() + loaded.freshMs };
    return loaded;
  });

  async function current(): Promise<Loaded> {
    if (copy && Date.now() < copy.goodUntil) return copy;
    try {
      return await refresh();
    } catch (cause) {
      if (!copy)
        throw new AppError('SERVICE_UNAVAILABLE', 'The signing keys are not available right now.', { cause });
      copy = { ...copy, goodUntil: Date.now() + RETRY_MS };
      return copy;
    }
  }

  return {
    answer: async () => {
      const { body, freshMs } = await current();
      return { status: 200, headers: headersFor(freshMs), body };
    },
  };
}

function isKeySet(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys);
  } catch {
    return false;
  }
}
