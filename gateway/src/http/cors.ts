// Which web sites may read replies (CORS, the Fetch standard). Only origins that are listed are ever named; no cookie
// is in use, so credentials are never allowed.
import type { HttpRequest, Reply } from '@holdfast/platform/http';
import { z } from 'zod';

/** `scheme://host[:port]` as browsers send it. */
function isOrigin(text: string): boolean {
  return /^https?:[^*]*$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/** The setting CORS_ORIGINS. None by default. */
export const corsOrigins = z
  .string()
  .default('')
  .transform((text, context): ReadonlySet<string> => {
    const origins = text.split(',').flatMap((part) => part.trim() || []);
    for (const origin of origins)
      if (!isOrigin(origin))
        context.addIssue({
          code: 'custom',
          message: `expected origins such as https://shop.example.com, got ${JSON.stringify(origin)}`,
        });
    return new Set(origins);
  })
  .describe(
    'The web sites whose scripts may call ([CORS](api.md#browsers-cors)), as `https://shop.example.com,http://localhost:5173`.',
  );

const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'If-Match',
  'If-None-Match',
  'Idempotency-Key',
  'Prefer',
  'X-Request-Id',
  'Apollo-Require-Preflight',
  'X-Apollo-Operation-Name',
  'ApolloGraphQL-Client-Name',
  'ApolloGraphQL-Client-Version',
].join(', ');
/** Beside those that any web site may read. */
const REPLY_HEADERS = [
  'ETag',
  'Location',
  'Link',
  'Preference-Applied',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Request-Id',
].join(', ');
/** Two hours, which is as long as Chromium remembers it; others would longer. */
const PREFLIGHT_MAX_AGE_S = '7200';

const isPreflight = ({ method, headers }: HttpRequest): boolean =>
  method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;

/** The header fields that let the request's origin read `reply`. A preflight is allowed the methods of its `Allow`. */
export function corsHeaders(
  origins: ReadonlySet<string>,
  request: HttpRequest,
  reply: Reply,
): Record<string, string> {
  if (origins.size === 0) return {};
  const vary = [reply.headers?.['vary'], 'Origin'].filter(Boolean).join(', ');
  const { origin } = request.headers;
  if (origin === undefined || !origins.has(origin)) return { vary };
  const allowed = { vary, 'access-control-allow-origin': origin };
  if (!isPreflight(request)) return { ...allowed, 'access-control-expose-headers': REPLY_HEADERS };
  return {
    ...allowed,
    'access-control-allow-methods': reply.headers?.['allow'] ?? '',
    'access-control-allow-headers': REQUEST_HEADERS,
    'access-control-max-age': PREFLIGHT_MAX_AGE_S,
  };
}
