// A service requests fresh data from another service, past every cache, by `Cache-Control: no-cache` (RFC 9111, 5.2.1.4). A client
// cannot request this, because the gateway does not forward the header fields of clients.
import type { HttpRequest } from './server.ts';

export const NO_CACHE_HEADERS = { 'cache-control': 'no-cache' } as const;

export const wantsNoCache = ({ headers }: Pick<HttpRequest, 'headers'>): boolean =>
  /(^|[\s,])no-cache([\s,]|$)/.test(headers['cache-control'] ?? '');
