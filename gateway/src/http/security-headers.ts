// Header fields that tell browsers what not to do with a reply, whatever answered it.
import type { HttpRequest, Reply } from '@holdfast/platform/http';

const ALWAYS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** Data is no page: nothing of it loads, runs or is framed. */
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";
const ONE_YEAR = 'max-age=31536000';

/**
 * Whether the client spoke HTTPS, as the outermost of the trusted proxies wrote it; what the client itself wrote there
 * is not believed.
 */
function cameByHttps({ headers }: HttpRequest, trustedProxies: number): boolean {
  const header = headers['x-forwarded-proto'];
  if (trustedProxies === 0 || header === undefined) return false;
  const [outermost] = String(header).split(',').slice(-trustedProxies);
  return outermost?.trim().toLowerCase() === 'https';
}

/** What a reply lacks. One that says nothing about caches is kept by none: it may be somebody's own. */
export function securityHeaders(
  request: HttpRequest,
  { headers = {} }: Reply,
  trustedProxies: number,
): Record<string, string> {
  return {
    ...ALWAYS,
    ...(cameByHttps(request, trustedProxies) && { 'strict-transport-security': ONE_YEAR }),
    ...(!headers['content-security-policy'] && { 'content-security-policy': DATA_POLICY }),
    ...(!headers['cache-control'] && { 'cache-control': 'no-store' }),
  };
}
