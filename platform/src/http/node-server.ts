// The limits of Node's server under Fastify: times, sizes and numbers.
import type { Server } from 'node:http';
import type { FastifyHttpOptions } from 'fastify';

export interface ServerTimes {
  readonly timeoutMs: number;
  /** The longest time to receive the header of a request; its body has `timeoutMs` more. */
  readonly headerTimeoutMs?: number;
}

const HEADER_TIMEOUT_MS = 10_000;
export const MAX_HEADER_BYTES = 16_384;
/** How often Node looks for slow requests. Its default of 30 s would let a header take 40 s in place of 10 s. */
const SLOW_REQUEST_CHECK_MS = 1_000;
/** Below the usual limit of open files of a process, so that open connections can still be served. */
export const MAX_CONNECTIONS = 10_000;
/** Longer than clients keep an idle connection, so that the server never closes one on which a request is under way. */
const KEEP_ALIVE_MS = 65_000;

/** The options by which Fastify creates the server. */
export function limitServer({
  timeoutMs,
  headerTimeoutMs = HEADER_TIMEOUT_MS,
}: ServerTimes): FastifyHttpOptions<Server> {
  return {
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: timeoutMs + headerTimeoutMs,
    // Ends a connection without traffic, whose client does not read the reply. Later than the reply to a slow request.
    connectionTimeout: timeoutMs + headerTimeoutMs + 2 * SLOW_REQUEST_CHECK_MS,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headerTimeoutMs,
      requestTimeout: timeoutMs + headerTimeoutMs,
      connectionsCheckingInterval: Math.min(SLOW_REQUEST_CHECK_MS, headerTimeoutMs),
      // Without this, Node would silently drop the second value of a repeated field.
      joinDuplicateHeaders: true,
      // unfit-request.ts refuses a request without Host, so that the reply has our form and not Node's.
      requireHostHeader: false,
    },
  };
}

/** Sets the limits that Node reads from an existing server. */
export function limitConnections(server: Server): void {
  server.maxConnections = MAX_CONNECTIONS;
  // `maxHeaderSize` limits the fields. Node would drop those after the thousandth, and a proxy appends its own at the end.
  server.maxHeadersCount = 0;
  // A server may ignore an unknown expectation (RFC 9110, 10.1.1). Without this listener Node would answer 417.
  server.on('checkExpectation', (message, response) => server.emit('request', message, response));
}
