// `GET /.well-known/jwks.json`: the public keys of access tokens, for the verifiers in other services.
import type { Handler } from '@holdfast/platform/http/server';
import type { KeyRing } from '../keys/key-ring.ts';
import { publishedMaxAgeS } from '../keys/key-schedule.ts';

/** The reply says how long a verifier may use its copy. A new key is published for longer than that before it signs. */
export function serveJwks(keys: KeyRing, leadS: number): Handler {
  const headers = {
    'content-type': 'application/jwk-set+json',
    'cache-control': `public, max-age=${publishedMaxAgeS(leadS)}`,
  };
  return async () => ({ status: 200, headers, body: JSON.stringify(keys.publicJwks()) });
}
