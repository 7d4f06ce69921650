// The HTTP server under every service: node:http with bounded bodies, headers and times, a request id, a deadline
// and one log line a request. (Express in front of the same handlers costs three times the CPU; docs/decisions.md.)
import { randomUUID } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Logger } from './log.js';

export const REQUEST_ID_HEADER = 'x-request-id';
/** Milliseconds that the caller will still wait: believed by who is called by services only. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms';

export interface HttpRequest {
  readonly method: string;
  /** Percent-encoded, without the query. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** The other end of the connection: a proxy, when one is in front. Empty once the connection is gone. */
  readonly remoteAddress: string;
  readonly requestId: string;
  /** When the answer is of no use any more, ms since the epoch. */
  readonly deadlineAt: number;
  /** What is learnt on the way and belongs in the log line. */
  readonly trail: Trail;
  /** The whole body. @throws {HttpFault} 413, or 400 when it ends early */
  body(): Promise<Buffer>;
}

export interface Trail {
  operation?: string;
  /** The template that the path matched, as `/products/{id}`. */
  route?: string;
  userId?: string;
  code?: string;
  trace?: { readonly trace_id: string; readonly span_id: string };
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type Handler = (request: HttpRequest) => Promise<Reply>;

/** A request that cannot be handed on to its handler; the message is for the caller. */
export class HttpFault extends Error {
  override readonly name = 'HttpFault';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

export interface HttpServerOptions {
  readonly handler: Handler;
  /** The reply to a request whose handler threw. */
  readonly onFault: (error: unknown, request: HttpRequest) => Reply;
  readonly log: Logger;
  readonly timeoutMs: number;
  /** Whether just anybody calls. Then TIMEOUT_HEADER is not looked at: faults at will would be reported as ours. */
  readonly isPublic?: boolean;
  readonly maxBodyBytes?: number;
  /** How long the header of a request may take to come; its body has `timeoutMs` more. */
  readonly headerTimeoutMs?: number;
  /** Told of every reply; `startedAt` is as `performance.now()` had it. */
  readonly observe?: (request: HttpRequest, status: number, startedAt: number) => void;
}

export interface HttpServer {
  readonly server: Server;
  /** Resolves to the port, once it is open. */
  listen(port: number, host: string): Promise<number>;
  /** From now on every reply asks its caller to leave the connection. New ones are still taken. */
  drain(): void;
  /** Accepts nothing new, finishes what is under way, then resolves. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 1_000_000;
const HEADER_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16_384;
/** How often connections are looked at for requests that take too long to come; Node's own 30 s would triple 10 s. */
const SLOW_REQUEST_CHECK_MS = 1_000;
/** Below the open files that a process usually may have, so that what is open can still be answered. */
const MAX_CONNECTIONS = 10_000;
/** Longer than clients keep a connection that they do not use, so that a server never hangs up on a request on its way. */
const KEEP_ALIVE_MS = 65_000;
const LAST_REPLY = { connection: 'close' };
const NOT_UNPACKED = { ...LAST_REPLY, 'accept-encoding': 'identity' };
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Takes over an id from outside only when it is short and harmless; otherwise makes one. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && REQUEST_ID.test(header) ? header : randomUUID();
}

function deadlineOf(header: string | string[] | undefined, timeoutMs: number): number {
  const asked = typeof header === 'string' && /^\d{1,7}$/.test(header) ? Number(header) : timeoutMs;
  return Date.now() + Math.min(asked, timeoutMs);
}

async function readBody(message: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = new HttpFault(413, `A body of at most ${maxBytes} bytes is expected.`, LAST_REPLY);
  // Nothing is unpacked, so that what is counted is what is kept.
  const encoding = message.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity') {
    throw new HttpFault(415, 'A body without Content-Encoding is expected.', NOT_UNPACKED);
  }
  if (Number(message.headers['content-length'] ?? 0) > maxBytes) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge;
      chunks.push(chunk);
    }
  } catch (error) {
    if (error === tooLarge) throw error;
    throw new HttpFault(400, 'The body ended before it was whole.', LAST_REPLY);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

function send(response: ServerResponse, requestId: string, reply: Reply, last: boolean): void {
  if (response.destroyed || response.headersSent) return;
  const headers: Record<string, string | number> = { ...reply.headers, [REQUEST_ID_HEADER]: requestId };
  if (last) headers['connection'] = 'close';
  if (reply.body !== undefined) headers['content-length'] = Buffer.byteLength(reply.body);
  else if (reply.status !== 204 && reply.status !== 304) headers['content-length'] = 0;
  response.writeHead(reply.status, headers);
  response.end(response.req.method === 'HEAD' ? undefined : reply.body);
}

function requestOf(
  message: IncomingMessage,
  { timeoutMs, isPublic = false, maxBodyBytes = MAX_BODY_BYTES }: HttpServerOptions,
): HttpRequest {
  const url = message.url ?? '/';
  const mark = url.indexOf('?');
  return {
    method: message.method ?? 'GET',
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? '' : url.slice(mark + 1),
    headers: message.headers,
    remoteAddress: message.socket.remoteAddress ?? '',
    requestId: requestIdOf(message.headers[REQUEST_ID_HEADER]),
    deadlineAt: deadlineOf(isPublic ? undefined : message.headers[TIMEOUT_HEADER], timeoutMs),
    trail: {},
    body: () => readBody(message, maxBodyBytes),
  };
}

function logRequest(log: Logger, request: HttpRequest, { status }: Reply, startedAt: number): void {
  const { requestId, method, path } = request;
  const { operation, userId, code, trace } = request.trail;
  const ms = Math.round((performance.now() - startedAt) * 10) / 10;
  log.info({ requestId, method, path, operation, userId, status, code, ms, ...trace }, 'request');
}

async function serve(
  message: IncomingMessage,
  response: ServerResponse,
  options: HttpServerOptions,
  draining: () => boolean,
): Promise<void> {
  const startedAt = performance.now();
  const request = requestOf(message, options);
  let reply: Reply;
  try {
    reply = await options.handler(request);
  } catch (error) {
    reply = options.onFault(error, request);
  }
  send(response, request.requestId, reply, draining());
  options.observe?.(request, reply.status, startedAt);
  logRequest(options.log, request, reply, startedAt);
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // Connections that are idle now would keep the server open; busy ones close after their reply.
    server.closeIdleConnections();
    const sweep = setInterval(() => server.closeIdleConnections(), 100);
    server.once('close', () => clearInterval(sweep));
  });
}

/** An HTTP server that runs `handler` for every request and always answers. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { headerTimeoutMs = HEADER_TIMEOUT_MS } = options;
  let draining = false;
  const drain = (): void => {
    draining = true;
  };
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headerTimeoutMs,
      requestTimeout: options.timeoutMs + headerTimeoutMs,
      connectionsCheckingInterval: Math.min(SLOW_REQUEST_CHECK_MS, headerTimeoutMs),
      // A second Authorization is then no valid one, where Node would silently leave it out.
      joinDuplicateHeaders: true,
    },
    (message, response) => {
      serve(message, response, options, () => draining).catch((error: unknown) => {
        options.log.error({ err: error }, 'a request could not be answered');
        response.destroy();
      });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  // Their size bounds them. Node would leave out those after the thousandth, and a proxy writes its own at the end.
  server.maxHeadersCount = 0;
  // Ends a connection on which nothing moves: its client does not read the reply. After a slow request was told so.
  server.timeout = options.timeoutMs + headerTimeoutMs + 2 * SLOW_REQUEST_CHECK_MS;
  return {
    server,
    listen: (port, host) => listen(server, port, host),
    drain,
    close: () => {
      drain();
      return close(server);
    },
  };
}
