// What a handler sees of a request: the head as it came, and the body for those who ask for it. Everything that costs and
// that not every handler needs is made when it is read: the signal and its listener, the body and its promise.
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AppError, CallerGone } from '../errors.ts';
import type { HttpError } from './error.ts';
import { readBody } from './request-body.ts';
import { requestError } from './unfit-request.ts';

/** Milliseconds that the caller will still wait: believed by who is called by services only. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms';

/** The address that the gateway counts its client by: believed by who is called by services only. */
export const CLIENT_ADDRESS_HEADER = 'client-address';

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
  /** Calls back when the connection ends before the reply, as `signal` does at a tenth of its cost. Call what is given to forget it. */
  whenGone(listener: (reason: CallerGone) => void): () => void;
  /** Why it is refused at every path. The handler throws it, so that the refusal counts as its other replies do. */
  readonly error: AppError | HttpError | undefined;
  /** The whole body. @throws {HttpError} 413, 415 when it is packed, 400 when it ends early, 408 when it comes too late */
  body(): Promise<Buffer>;
  /** Lets Fastify parse the body and check the request by the schemas of its route, once. @throws what is wrong with it */
  check(): Promise<CheckedRequest>;
}

/** What Fastify has made of a request by the schemas of its route. */
export interface CheckedRequest {
  readonly body: unknown;
  readonly query: unknown;
}

/** Tells Fastify to go on with a request, and how that ends. */
export interface Checking {
  readonly goOn: () => void;
  passed?: (checked: CheckedRequest) => void;
  failed?: (error: unknown) => void;
}

export interface Trail {
  /** The client's, as the gateway counts it. */
  address?: string;
  operation?: string;
  /** The root fields that ran, with how often each; the caller chooses the operation's name, and not these. */
  fields?: string;
  /** The template that the path matched, as `/products/{id}`. */
  route?: string;
  userId?: number;
  code?: string;
  trace?: { readonly trace_id: string; readonly span_id: string };
  /** A service asks so each second: there is no log line unless it fails. */
  isRoutine?: boolean;
}

/** What a server makes of every request. */
export interface RequestBounds {
  readonly timeoutMs: number;
  /** Whether just anybody calls. Then TIMEOUT_HEADER is not looked at: errors at will would be reported as ours. */
  readonly isPublic: boolean;
  readonly maxBodyBytes: number;
  /** In bytes. */
  readonly maxAuthorization: number;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Takes over an id from outside only when it is short and harmless; otherwise makes one. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && REQUEST_ID.test(header) ? header : randomUUID();
}

function deadlineOf(header: string | string[] | undefined, timeoutMs: number): number {
  const asked = typeof header === 'string' && /^\d{1,7}$/.test(header) ? Number(header) : timeoutMs;
  return Date.now() + Math.min(asked, timeoutMs);
}

/** A request whose head was read, and the response that it waits for. */
export class ReceivedRequest implements HttpRequest {
  readonly message: IncomingMessage;
  readonly reply: FastifyReply;
  readonly response: ServerResponse;
  /** The connection. The message loses it when it is not read to its end. */
  readonly socket: Socket;
  /** As `performance.now()` had it. */
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
  /** Only at routes with schemas. */
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
    this.error = requestError(message, this, bounds.maxAuthorization);
    this.#maxBodyBytes = bounds.maxBodyBytes;
  }

  /** Whether the connection has ended before the reply. */
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
      // One for all of them: Node takes more than ten for a leak.
      if (this.#whenGone.size === 0) response.on('close', this.#closed);
      this.#whenGone.add(listener);
    }
    return () => {
      this.#whenGone.delete(listener);
      // A listener that stays would keep the whole request for as long as its reply waits for its client.
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

  /** Says that the rest of the body cannot be read. A handler that waits for it gets the error. */
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

/** Stands for a request of which nothing is known. */
export const unreadRequest = (remoteAddress = ''): HttpRequest => ({
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
