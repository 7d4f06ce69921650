// What a server does with each request: the view of it, its handler, its reply, its line in the log.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createRequestLog, type Logger } from '../observability/log.ts';
import type { HttpError } from './error.ts';
import { MAX_HEADER_BYTES } from './node-server.ts';
import { REQUEST_ID_HEADER, type Reply, send } from './reply.ts';
import { type HttpRequest, ReceivedRequest, unreadRequest } from './request.ts';
import type { UnreadReplies } from './unread-replies.ts';
import type { RawReply, UnreadRequests } from './unread-requests.ts';

/** Of a path, by their names in its route. */
export type PathParameters = Readonly<Record<string, string | undefined>>;

export type Handler = (request: HttpRequest) => Promise<Reply>;

/** What answers a route. */
export type RouteHandler = (request: HttpRequest, parameters: PathParameters) => Promise<Reply>;

export type OnError = (error: unknown, request: HttpRequest) => Reply;

export interface ExchangeOptions {
  /** The reply to a request whose handler threw. */
  readonly onError: OnError;
  readonly log: Logger;
  /** The longest that one request may take. */
  readonly timeoutMs: number;
  /** The client's address, for a request whose handler has not found it out. */
  readonly addressOf?: (request: Pick<HttpRequest, 'remoteAddress' | 'headers'>) => string;
  /** Whether just anybody calls. Then TIMEOUT_HEADER is not looked at: errors at will would be reported as ours. */
  readonly isPublic?: boolean;
  readonly maxBodyBytes?: number;
  /** Told of every reply; `startedAt` is as `performance.now()` had it. */
  readonly observe?: (request: HttpRequest, status: number, startedAt: number) => void;
}

const MAX_BODY_BYTES = 1_000_000;
/** The gateway hands it on to a subgraph with the same bound, beside fields of its own, which are shorter than the rest. */
const MAX_AUTHORIZATION_BYTES = MAX_HEADER_BYTES - 2_048;
/** What nginx writes for a reply whose caller had gone; it is logged and counted, never sent. */
const CALLER_GONE_STATUS = 499;

/** What a server does with each request. */
export class Exchanges {
  draining = false;
  readonly #options: ExchangeOptions;
  readonly #unread: UnreadReplies;
  readonly #begin: UnreadRequests['begin'];
  readonly #bounds;
  /** Counts and logs a request that was answered with `status`. */
  readonly tell: (request: HttpRequest, status: number, startedAt: number) => void;

  constructor(options: ExchangeOptions, unread: UnreadReplies, begin: UnreadRequests['begin']) {
    const { timeoutMs, isPublic = false, maxBodyBytes = MAX_BODY_BYTES } = options;
    this.#options = options;
    this.tell = createTell(options);
    this.#unread = unread;
    this.#begin = begin;
    this.#bounds = { timeoutMs, isPublic, maxBodyBytes, maxAuthorization: MAX_AUTHORIZATION_BYTES };
  }

  /** The view of a request, which is made once. */
  receive(request: FastifyRequest, reply: FastifyReply): ReceivedRequest {
    if (request.received) return request.received;
    const received = new ReceivedRequest(request, reply, this.#bounds);
    this.#begin(received);
    request.received = received;
    return received;
  }

  /** What follows an unfit request on its connection may have been meant as a part of it. */
  isLast = (request: ReceivedRequest): boolean => this.draining || request.error !== undefined;

  async serve(request: ReceivedRequest, handler: RouteHandler, parameters: PathParameters): Promise<void> {
    let reply: Reply;
    try {
      reply = await handler(request, parameters);
    } catch (error) {
      reply = this.#options.onError(error, request);
    }
    const status = request.isAbandoned ? CALLER_GONE_STATUS : reply.status;
    send(request, reply, this.isLast(request), this.#unread);
    this.tell(request, status, request.startedAt);
  }

  /** The reply to a request that could not be read. */
  refuseUnread(error: HttpError, remoteAddress: string): RawReply {
    const startedAt = performance.now();
    const request = unreadRequest(remoteAddress);
    const reply = this.#options.onError(error, request);
    this.tell(request, reply.status, startedAt);
    const { status, headers, body = '' } = reply;
    return { status, headers: { ...headers, [REQUEST_ID_HEADER]: request.requestId }, body };
  }

  /** Serves, whatever happens. */
  start(request: ReceivedRequest, handler: RouteHandler, parameters: PathParameters): void {
    this.serve(request, handler, parameters).catch((error: unknown) => {
      this.#options.log.error({ err: error }, 'a request could not be answered');
      request.response.destroy();
    });
  }
}

function createTell({ observe, addressOf, log }: ExchangeOptions): Exchanges['tell'] {
  const write = createRequestLog(log);
  return (request, status, startedAt) => {
    observe?.(request, status, startedAt);
    if (request.trail.isRoutine && status < 400) return;
    const { requestId, method, path } = request;
    const { operation, fields, userId, code, trace } = request.trail;
    const address = request.trail.address ?? addressOf?.(request);
    const ms = Math.round((performance.now() - startedAt) * 10) / 10;
    const { trace_id, span_id } = trace ?? UNTRACED;
    write({
      requestId,
      address,
      method,
      path,
      operation,
      fields,
      userId,
      status,
      code,
      ms,
      trace_id,
      span_id,
    });
  };
}

const UNTRACED = { trace_id: undefined, span_id: undefined };
