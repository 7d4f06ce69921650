// The view of a request for its handler: the head, and the body on demand. Costly parts that not every handler needs (the abort
// signal with its listener, the body with its promise) are created when the handler reads them.
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AppError, CallerGone } from '../errors.ts';
import type { HttpError } from './error.ts';
import { readBody } from './request-body.ts';
import { findRequestError } from './unfit-request.ts';

/** How many milliseconds the caller will still wait. Only servers that services alone call trust it. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms';

/** The client's address as the gateway counts it. Only servers that services alone call trust it. */
export const CLIENT_ADDRESS_HEADER = 'client-address';

export interface HttpRequest {
  readonly method: string;
  /** Percent-encoded, without the query. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** The address of the caller, or of a proxy in front of it. Empty once the connection has closed. */
  readonly remoteAddress: string;
  readonly requestId: string;
  /** After this time the caller has no use for the reply, ms since the epoch. */
  readonly deadlineAt: number;
  /** Facts for the log line, which the handlers add. */
  readonly trail: Trail;
  /** Aborted with CallerGone when the connection closes before the reply. */
  readonly signal: AbortSignal;
  /** Calls `listener` when the connection closes before the reply, at a tenth of the cost of `signal`. Returns a function that removes the listener. */
  whenGone(listener: (reason: CallerGone) => void): () => void;
  /** Why the request is refused at every path. The handler throws it, so that this reply is counted as its others are. */
  readonly error: AppError | HttpError | undefined;
  /** The whole body. @throws {HttpError} 413, 415 for a Content-Encoding, 400 when it ends early, 408 when it takes too long */
  body(): Promise<Buffer>;
  /** Lets Fastify parse the body and check the request by the schemas of its route, once. @throws the error of the check */
  check(): Promise<CheckedRequest>;
}

/** The parts of a request as Fastify has parsed and checked them by the schemas of the route. */
export interface CheckedRequest {
  readonly body: unknown;
  readonly query: unknown;
}

/** Lets Fastify go on with a request, and reports the result of its check. */
export interface Checking {
  readonly goOn: () => void;
  passed?: (checked: CheckedRequest) => void;
  failed?: (error: unknown) => void;
}

export interface Trail {
  /** The client's address as the gateway counts it. */
  address?: string;
  operation?: string;
  /** The root fields that ran and how often. Unlike the operation's name, the caller cannot invent them. */
  fields?: string;
  /** The template that the path matched, as `/products/{id}`. */
  route?: string;
  userId?: number;
  code?: string;
  trace?: { readonly trace_id: string; readonly span_id: string };
  /** A service sends such a request each second: only an error is logged. */
  isRoutine?: boolean;
}

/** The limits that a server applies to each request. */
export interface RequestBounds {
  readonly timeoutMs: number;
  /** Whether clients call it directly. Then TIMEOUT_HEADER is ignored, or a client could cause server errors at will. */
  readonly isPublic: boolean;
  readonly maxBodyBytes: number;
  /** In bytes. */
  readonly maxAuthorization: number;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** The caller's request id when it is short and has safe characters only; otherwise a new one. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && REQUEST_ID.test(header) ? header : randomUUID();
}

function deadlineOf(header: string | string[] | undefined, timeoutMs: number): number {
  const asked = typeof header === 'string' && /^\d{1,7}$/.test(header) ? Number(header) : timeoutMs;
  return Date.now() + Math.min(asked, timeoutMs);
}

/** A request whose head has been read, with its response. */
export class ReceivedRequest implements HttpRequest {
  readonly message: IncomingMessage;
  readonly reply: FastifyReply;
  readonly response: ServerResponse;
  /** The connection. The message loses its own reference when it is not read to the end. */
  readonly socket: Socket;
  /** A time of `performance.now()`. */
  readonly startedAt = performance.now();
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string;
  readonly requestId: string;
  readonly deadlineAt: number;
  readonly trail: Trail = {};
  readonly error: AppError | HttpError | undefined;
  /** Set only at routes with schemas. */
  checking: Checking | undefined;
  readonly #maxBodyBytes: number;
  #signal: AbortSignal | undefined;
  readonly #whenGone = new Set<(reason: CallerGone) => void>();
  #cut: HttpError | undefined;
  #onCut: ((error: HttpError) => void) | undefined;

  constructor(request: FastifyRequest, reply: FastifyReply, bounds: RequestBounds) {
    const { raw: message, originalUrl: url } = request;
    const { headers, socket } = message;
    const mark = url.indexOf('?');
    this.message = message;
    this.reply = reply;
    this.response = reply.raw;
    this.socket = socket;
    this.method = message.method ?? 'GET';
    this.path = mark < 0 ? url : url.slice(0, mark);
    this.query = mark < 0 ? '' : url.slice(mark + 1);
    this.headers = headers;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.requestId = request.id;
    this.deadlineAt = deadlineOf(bounds.isPublic ? undefined : headers[TIMEOUT_HEADER], bounds.timeoutMs);
    this.error = findRequestError(message, this, bounds.maxAuthorization);
    this.#maxBodyBytes = bounds.maxBodyBytes;
  }

  /** Whether the connection has closed before the reply. */
  get isAbandoned(): boolean {
    return this.response.destroyed && !this.response.writableEnded;
  }

  get signal(): AbortSignal {
    this.#signal ??= this.#untilReplied();
    return this.#signal;
  }

  whenGone(listener: (reason: CallerGone) => void): () => void {
    const { response } = this;
    if (this.isAbandoned) listener(new CallerGone('the caller closed its connection'));
    else if (!response.destroyed) {
      // One listener for all, because Node warns of a leak at more than ten.
      if (this.#whenGone.size === 0) response.on('close', this.#closed);
      this.#whenGone.add(listener);
    }
    return () => {
      this.#whenGone.delete(listener);
      // A remaining listener would keep the whole request in memory until the client has read the reply.
      if (this.#whenGone.size === 0) response.off('close', this.#closed);
    };
  }

  readonly #closed = (): void => {
    if (!this.isAbandoned) return;
    for (const listener of this.#whenGone) listener(new CallerGone('the caller closed its connection'));
  };

  body(): Promise<Buffer> {
    return readBody(this.message, this.#maxBodyBytes, (giveUp) => {
      if (this.#cut) giveUp(this.#cut);
      this.#onCut = giveUp;
    });
  }

  check(): Promise<CheckedRequest> {
    return new Promise((resolve, reject) => {
      if (this.checking === undefined) throw new Error('the route of this request has no schemas');
      this.checking.passed = resolve;
      this.checking.failed = reject;
      this.checking.goOn();
    });
  }

  /** Reports that the rest of the body cannot be read. A handler that waits for the body gets the error. */
  cut(error: HttpError): void {
    this.#cut = error;
    this.#onCut?.(error);
  }

  #untilReplied(): AbortSignal {
    const gone = new AbortController();
    this.whenGone((reason) => gone.abort(reason));
    return gone.signal;
  }
}

/** Creates a view for a request that could not be read. */
export const createUnreadRequest = (remoteAddress = ''): HttpRequest => ({
  method: '',
  path: '',
  query: '',
  headers: {},
  remoteAddress,
  requestId: randomUUID(),
  deadlineAt: Date.now(),
  trail: {},
  error: undefined,
  signal: new AbortController().signal,
  whenGone: () => () => undefined,
  body: async () => Buffer.alloc(0),
  check: async () => ({ body: undefined, query: {} }),
});
