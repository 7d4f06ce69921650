// Measures requests by route template, because callers choose the path and one path has several spellings.

import { Counter, DURATION_BUCKETS, Histogram, registry, secondsSince } from '../observability/metrics.ts';
import type { HttpRequest } from './server.ts';

const durations = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'From the head of a request to the end of its reply, by the template of its route.',
  labelNames: ['route', 'method', 'status'],
  buckets: DURATION_BUCKETS,
  registers: [registry],
});

const refusedConnections = new Counter({
  name: 'http_refused_connections_total',
  help: 'Connections that were reset because their address held too many.',
  registers: [registry],
});

/** Counts a refused connection. */
export const countRefusedConnection = (): void => refusedConnections.inc();

const OTHER = 'other';
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Counts an answered request. @param startedAt a time of `performance.now()` */
export function observeRequest(
  { method, trail }: Pick<HttpRequest, 'method' | 'trail'>,
  status: number,
  startedAt: number,
): void {
  durations.observe(
    { route: trail.route ?? OTHER, method: METHODS.has(method) ? method : OTHER, status },
    secondsSince(startedAt),
  );
}
