// `GET /revocations`: the revocation list, which the other services follow. The users service reads it from the database and also
// checks its own callers with it.
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

/** An older list is not served, because its reader would take it for the current list. */
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

  async function handle({ headers: requested, trail }: Parameters<Handler>[0]): Promise<Reply> {
    trail.isRoutine = true;
    if ((await checkCaller(requested[SERVICE_TOKEN_HEADER], 'revocations')) !== undefined)
      return { status: 401, headers: { 'www-authenticate': 'Bearer' } };
    if (tag === '' || revocations.ageMs() > MAX_AGE_MS) return { status: 503 };
    return requested['if-none-match'] === tag
      ? { status: 304, headers: headers() }
      : { status: 200, headers: headers(), body };
  }
  return { ...revocations, handle };
}
