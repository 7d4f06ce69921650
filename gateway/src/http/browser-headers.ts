// What every reply of the gateway says to browsers, the replies to faults included.
import type { HttpRequest, Reply } from '@holdfast/platform/http';
import { corsHeaders } from './cors.ts';
import { securityHeaders } from './security-headers.ts';

export interface BrowserSettings {
  readonly CORS_ORIGINS: ReadonlySet<string>;
  readonly TRUSTED_PROXIES: number;
}

/** The reply with the header fields that it lacks. */
export function forBrowsers(
  { CORS_ORIGINS, TRUSTED_PROXIES }: BrowserSettings,
  request: HttpRequest,
  reply: Reply,
): Reply {
  const headers = {
    ...reply.headers,
    ...securityHeaders(request, reply, TRUSTED_PROXIES),
    ...corsHeaders(CORS_ORIGINS, request, reply),
  };
  return { ...reply, headers };
}
