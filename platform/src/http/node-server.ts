// Node's server under Fastify: its bounds on time, size and number.
import type { Server } from 'node:http';
import type { FastifyHttpOptions } from 'fastify';

export interface ServerTimes {
  readonly timeoutMs: number;
  /** How long the header of a request may take to come; its body has `timeoutMs` more. */
  readonly headerTimeoutMs?: number;
}

const HEADER_TIMEOUT_MS = 10_000;
export const MAX_HEADER_BYTES = 16_384;
/** How often connections are looked at for requests that take too long to come; Node's own 30 s would triple 10 s. */
const SLOW_REQUEST_CHECK_MS = 1_000;
/** Below the open files that a process usually may have, so that what is open can still be answered. */
export const MAX_CONNECTIONS = 10_000;
/** Longer than clients keep a connection that they do not use, so that a server never hangs up on a request on its way. */
const KEEP_ALIVE_MS = 65_000;

/** The options of Fastify from which it makes the server. */
export function boundedServer({
  timeoutMs,
  headerTimeoutMs = HEADER_TIMEOUT_MS,
}: ServerTimes): FastifyHttpOptions<Server> {
  return {
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: timeoutMs + headerTimeoutMs,
    // Ends a connection on which nothing moves: its client does not read the reply. After a slow request was told so.
    connectionTimeout: timeoutMs + headerTimeoutMs + 2 * SLOW_REQUEST_CHECK_MS,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headerTimeoutMs,
      requestTimeout: timeoutMs + headerTimeoutMs,
      connectionsCheckingInterval: Math.min(SLOW_REQUEST_CHECK_MS, headerTimeoutMs),
      // Of a field that comes twice Node would silently leave out one.
      joinDuplicateHeaders: true,
      // A request without a Host is refused like any other that is not fit, and not by Node.
      requireHostHeader: false,
    },
  };
}

/** What Node takes of a server that is there. */
export function boundConnections(server: Server): void {
  server.maxConnections = MAX_CONNECTIONS;
  // `maxHeaderSize` bounds the fields. Node would leave out those after the thousandth, and a proxy adds its own at the end.
  server.maxHeadersCount = 0;
  // An expectation that the server does not know may be ignored (RFC 9110, 10.1.1); Node would answer it itself.
  server.on('checkExpectation', (message, response) => server.emit('request', message, response));
}
