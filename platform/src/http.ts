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
import { type ConnectionShare, shareConnections } from './connection-share.ts';
import { type AppError, CallerGone } from './errors.ts';
import type { HttpFault } from './http-fault.ts';
import { REQUEST_ID_HEADER, type Reply, send } from './http-reply.ts';
import { close, listen } from './listening.ts';
import type { Logger } from './log.ts';
import { readBody } from './request-body.ts';
import { requestFault } from './request-fault.ts';
import { createUnreadReplies, type UnreadReplies } from './unread-replies.ts';
import { answerUnreadRequests, type RawReply } from './unread-requests.ts';

export { HttpFault, MalformedBody } from './http-fault.ts';

export { REQUEST_ID_HEADER, type Reply } from './http-reply.ts';
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
  /** Aborted with CallerGone when the connection ends before the reply. */
  readonly signal: AbortSignal;
  /** Why it is refused at every path. The handler throws it, so that the refusal counts as its other replies do. */
  readonly fault: AppError | HttpFault | undefined;
  /** The whole body. @throws {HttpFault} 413, 415 when it is packed, 400 when it ends early, 408 when it comes too late */
  body(): Promise<Buffer>;
}

export interface Trail {
  operation?: string;
  /** The template that the path matched, as `/products/{id}`. */
  route?: string;
  userId?: number;
  code?: string;
  trace?: { readonly trace_id: string; readonly span_id: string };
}

export type Handler = (request: HttpRequest) => Promise<Reply>;

export interface HttpServerOptions {
  readonly handler: Handler;
  /** The reply to a request whose handler threw. */
  readonly onFault: (error: unknown, request: HttpRequest) => Reply;
  readonly log: Logger;
  readonly timeoutMs: number;
  /** Whether just anybody calls. Then TIMEOUT_HEADER is not looked at: faults at will would be reported as ours. */
  readonly isPublic?: boolean;
  readonly maxBodyBytes?: number;
  /** Without it one address may hold every connection. */
  readonly connectionShare?: ConnectionShare | undefined;
  /** How much of all replies may be unread by their clients. */
  readonly maxUnreadBytes?: number;
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
/** The gateway hands it on to a subgraph with the same bound, beside fields of its own, which are shorter than the rest. */
const MAX_AUTHORIZATION_BYTES = MAX_HEADER_BYTES - 2_048;
/** How often connections are looked at for requests that take too long to come; Node's own 30 s would triple 10 s. */
const SLOW_REQUEST_CHECK_MS = 1_000;
/** Below the open files that a process usually may have, so that what is open can still be answered. */
export const MAX_CONNECTIONS = 10_000;
/** Longer than clients keep a connection that they do not use, so that a server never hangs up on a request on its way. */
const KEEP_ALIVE_MS = 65_000;
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Takes over an id from outside only when it is short and harmless; otherwise makes one. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && REQUEST_ID.test(header) ? header : randomUUID();
}

function deadlineOf(header: string | string[] | undefined, timeoutMs: number): number {
  const asked = typeof header === 'string' && /^\d{1,7}$/.test(header) ? Number(header) : timeoutMs;
  return Date.now() + Math.min(asked, timeoutMs);
}

/** What nginx writes for a reply whose caller had gone; it is logged and counted, never sent. */
const CALLER_GONE_STATUS = 499;

function untilReplied(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableEnded) gone.abort(new CallerGone('the caller closed its connection'));
  });
  return gone.signal;
}

function requestOf(
  message: IncomingMessage,
  cut: AbortSignal,
  signal: AbortSignal,
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
    signal,
    fault: requestFault(message, MAX_AUTHORIZATION_BYTES),
    body: () => readBody(message, maxBodyBytes, cut),
  };
}

/** Stands for a request of which nothing is known. */
const unreadRequest = (): HttpRequest => ({
  method: '',
  path: '',
  query: '',
  headers: {},
  remoteAddress: '',
  requestId: randomUUID(),
  deadlineAt: Date.now(),
  trail: {},
  fault: undefined,
  signal: new AbortController().signal,
  body: async () => Buffer.alloc(0),
});

function logRequest(log: Logger, request: HttpRequest, status: number, startedAt: number): void {
  const { requestId, method, path } = request;
  const { operation, userId, code, trace } = request.trail;
  const ms = Math.round((performance.now() - startedAt) * 10) / 10;
  log.info({ requestId, method, path, operation, userId, status, code, ms, ...trace }, 'request');
}

/** The reply to a request that could not be read. */
function refuseUnread(fault: HttpFault, options: HttpServerOptions): RawReply {
  const startedAt = performance.now();
  const request = unreadRequest();
  const reply = options.onFault(fault, request);
  options.observe?.(request, reply.status, startedAt);
  logRequest(options.log, request, reply.status, startedAt);
  const { status, headers, body = '' } = reply;
  return { status, headers: { ...headers, [REQUEST_ID_HEADER]: request.requestId }, body };
}

async function serve(
  message: IncomingMessage,
  response: ServerResponse,
  cut: AbortSignal,
  options: HttpServerOptions,
  { isDraining, unread }: { readonly isDraining: () => boolean; readonly unread: UnreadReplies },
): Promise<void> {
  const startedAt = performance.now();
  // A message that was not read to its end loses it.
  const { socket } = message;
  const request = requestOf(message, cut, untilReplied(response), options);
  let reply: Reply;
  try {
    reply = await options.handler(request);
  } catch (error) {
    reply = options.onFault(error, request);
  }
  const status = request.signal.aborted ? CALLER_GONE_STATUS : reply.status;
  // What follows an unfit request on its connection may have been meant as a part of it.
  const last = isDraining() || request.fault !== undefined;
  send(response, reply, { socket, requestId: request.requestId, last, unread });
  options.observe?.(request, status, startedAt);
  logRequest(options.log, request, status, startedAt);
}

/** Node's server, with its bounds on time, size and number. */
function createBoundServer({ timeoutMs, headerTimeoutMs = HEADER_TIMEOUT_MS }: HttpServerOptions): Server {
  const server = createServer({
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: headerTimeoutMs,
    requestTimeout: timeoutMs + headerTimeoutMs,
    connectionsCheckingInterval: Math.min(SLOW_REQUEST_CHECK_MS, headerTimeoutMs),
    // Of a field that comes twice Node would silently leave out one.
    joinDuplicateHeaders: true,
    // A request without a Host is refused like any other that is not fit, and not by Node.
    requireHostHeader: false,
  });
  server.maxConnections = MAX_CONNECTIONS;
  // `maxHeaderSize` bounds the fields. Node would leave out those after the thousandth, and a proxy adds its own at the end.
  server.maxHeadersCount = 0;
  // Ends a connection on which nothing moves: its client does not read the reply. After a slow request was told so.
  server.timeout = timeoutMs + headerTimeoutMs + 2 * SLOW_REQUEST_CHECK_MS;
  return server;
}

/** An HTTP server that runs `handler` for every request and always answers. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  let draining = false;
  const drain = (): void => {
    draining = true;
  };
  const server = createBoundServer(options);
  const { maxUnreadBytes = Number.POSITIVE_INFINITY, log } = options;
  const unread = createUnreadReplies({ server, maxBytes: maxUnreadBytes, log });
  const state = { isDraining: () => draining, unread };
  if (options.connectionShare) shareConnections(server, options.connectionShare);
  const begin = answerUnreadRequests(server, MAX_HEADER_BYTES, (fault) => refuseUnread(fault, options));
  server.on('request', (message, response) => {
    serve(message, response, begin(message, response), options, state).catch((error: unknown) => {
      log.error({ err: error }, 'a request could not be answered');
      response.destroy();
    });
  });
  // An expectation that the server does not know may be ignored (RFC 9110, 10.1.1); Node would answer it itself.
  server.on('checkExpectation', (message, response) => server.emit('request', message, response));
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
