// How a service asks another for what the database has at this moment, past every cache (RFC 9111, 5.2.1.4). A client
// cannot: the gateway hands its header fields on to no subgraph.
import type { HttpRequest } from './server.ts';

export const NO_CACHE_HEADERS = { 'cache-control': 'no-cache' } as const;

export const wantsNoCache = ({ headers }: Pick<HttpRequest, 'headers'>): boolean =>
  /(^|[\s,])no-cache([\s,]|$)/.test(headers['cache-control'] ?? '');
