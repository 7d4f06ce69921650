// The revocation list of this service: it follows the database, checks the service's own callers, and is given to the other
// services, which follow it in turn.
import { createHash } from 'node:crypto';
import {
  followRevocations,
  type RevocationList,
  type Revocations,
  writeRevocations,
} from '@holdfast/platform/auth/revocations';
import { type CallerCheck, SERVICE_TOKEN_HEADER } from '@holdfast/platform/auth/service-tokens';
import type { Handler, Reply } from '@holdfast/platform/http/server';
import type { Logger } from '@holdfast/platform/observability/log';

/** A list that is older is not given to others: they would take it for the one of now. */
const MAX_AGE_MS = 3_000;

export interface ServedRevocations extends Revocations {
  /** `GET /revocations`, for services. */
  readonly handle: Handler;
}

export interface ServedRevocationsOptions {
  readonly read: () => Promise<RevocationList>;
  readonly checkCaller: CallerCheck;
  readonly log: Logger;
}

export function serveRevocations({ read, checkCaller, log }: ServedRevocationsOptions): ServedRevocations {
  let body = '';
  let tag = '';
  const revocations = followRevocations({
    load: async () => {
      const list = await read();
      body = writeRevocations(list);
      tag = `"${createHash('sha256').update(body).digest('base64url')}"`;
      return list;
    },
    log,
  });
  const headers = () => ({ 'content-type': 'application/json', 'cache-control': 'no-store', etag: tag });

  async function handle({ headers: asked, trail }: Parameters<Handler>[0]): Promise<Reply> {
    trail.isRoutine = true;
    if ((await checkCaller(asked[SERVICE_TOKEN_HEADER], 'revocations')) !== undefined)
      return { status: 401, headers: { 'www-authenticate': 'Bearer' } };
    if (tag === '' || revocations.ageMs() > MAX_AGE_MS) return { status: 503 };
    return asked['if-none-match'] === tag
      ? { status: 304, headers: headers() }
      : { status: 200, headers: headers(), body };
  }
  return { ...revocations, handle };
}
