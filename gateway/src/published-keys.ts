// The users service's public keys, through the gateway: `/.well-known/jwks.json` (RFC 7517).
import { AppError } from '@holdfast/platform/errors';
import type { Reply } from '@holdfast/platform/http';
import { request } from 'undici';

export interface PublishedKeys {
  /** The key set. @throws {AppError} SERVICE_UNAVAILABLE when it was never to be had */
  answer(): Promise<Reply>;
}

const FETCH_TIMEOUT_MS = 1_500;
/** How long a copy is as good as the original, ms; clients are told the same. */
const FRESH_MS = 15_000;
/** How long an old copy has to do when the original is not to be had, ms: nobody waits for a dead service each time. */
const RETRY_MS = 2_000;

const HEADERS = {
  'content-type': 'application/jwk-set+json',
  'cache-control': `public, max-age=${FRESH_MS / 1_000}`,
};

async function load(url: string): Promise<string> {
  const reply = await request(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  const body = await reply.body.text();
  if (reply.statusCode !== 200 || !isKeySet(body)) {
    throw new Error(`no key set came: status ${reply.statusCode}`);
  }
  return body;
}

/** Keeps the last good copy: a users service that is down takes no key away from anybody. */
export function createPublishedKeys(url: string): PublishedKeys {
  let copy: { readonly body: string; readonly goodUntil: number } | undefined;
  let underWay: Promise<string> | undefined;

  async function refresh(): Promise<string> {
    // Concurrent callers share one fetch.
    underWay ??= load(url).finally(() => {
      underWay = undefined;
    });
    const body = await underWay;
    copy = { body, goodUntil: Date.now() + FRESH_MS };
    return body;
  }

  async function current(): Promise<string> {
    if (copy && Date.now() < copy.goodUntil) return copy.body;
    try {
      return await refresh();
    } catch (cause) {
      if (!copy) throw new AppError('SERVICE_UNAVAILABLE', 'The keys cannot be had right now.', { cause });
      copy = { ...copy, goodUntil: Date.now() + RETRY_MS };
      return copy.body;
    }
  }

  return { answer: async () => ({ status: 200, headers: HEADERS, body: await current() }) };
}

function isKeySet(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys);
  } catch {
    return false;
  }
}
