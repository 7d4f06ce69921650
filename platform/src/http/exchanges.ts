// What the server does with each request: it makes the view of the request, calls the handler, sends the reply, writes the log line.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createRequestLog, type Logger } from '../observability/log.ts';
import type { HttpError } from './error.ts';
import { MAX_HEADER_BYTES } from './node-server.ts';
import { REQUEST_ID_HEADER, type Reply, send } from './reply.ts';
import { createUnreadRequest, type HttpRequest, ReceivedRequest } from './request.ts';
import type { UnreadReplies } from './unread-replies.ts';
import type { RawReply, UnreadRequests } from './unread-requests.ts';

/** The parameters of a path, by their names in the route. */
export type PathParameters = Readonly<Record<string, string | undefined>>;

export type Handler = (request: HttpRequest) => Promise<Reply>;

/** Handles the requests of a route. */
export type RouteHandler = (request: HttpRequest, parameters: PathParameters) => Promise<Reply>;

export type OnError = (error: unknown, request: HttpRequest) => Reply;

export interface ExchangeOptions {
  /** The reply to a request whose handler threw. */
  readonly onError: OnError;
  readonly log: Logger;
  /** The longest that one request may take. */
  readonly timeoutMs: number;
  /** The client's address, for a request whose handler has not set it in the trail. */
  readonly addressOf?: (request: Pick<HttpRequest, 'remoteAddress' | 'headers'>) => string;
  /** Whether clients call it directly. Then TIMEOUT_HEADER is ignored, or a client could cause server errors at will. */
  readonly isPublic?: boolean;
  readonly maxBodyBytes?: number;
  /** Called for each reply. `startedAt` is a time of `performance.now()`. */
  readonly observe?: (request: HttpRequest, status: number, startedAt: number) => void;
}

const MAX_BODY_BYTES = 1_000_000;
/** The gateway forwards the field to a subgraph with the same header limit, together with fields of its own (under 2,048 bytes). */
const MAX_AUTHORIZATION_BYTES = MAX_HEADER_BYTES - 2_048;
/** nginx's status for a request whose caller has gone. It is logged and counted, never sent. */
const CALLER_GONE_STATUS = 499;

/** Handles the requests of one server. */
export class Exchanges {
  draining = false;
  readonly #options: ExchangeOptions;
  readonly #unread: UnreadReplies;
  readonly #begin: UnreadRequests['begin'];
  readonly #bounds;
  /** Counts and logs the reply to a request. */
  readonly tell: (request: HttpRequest, status: number, startedAt: number) => void;

  constructor(options: ExchangeOptions, unread: UnreadReplies, begin: UnreadRequests['begin']) {
    const { timeoutMs, isPublic = false, maxBodyBytes = MAX_BODY_BYTES } = options;
    this.#options = options;
    this.tell = createTell(options);
    this.#unread = unread;
    this.#begin = begin;
    this.#bounds = { timeoutMs, isPublic, maxBodyBytes, maxAuthorization: MAX_AUTHORIZATION_BYTES };
  }

  /** Makes the view of a request, once for each request. */
  receive(request: FastifyRequest, reply: FastifyReply): ReceivedRequest {
    if (request.received) return request.received;
    const received = new ReceivedRequest(request, reply, this.#bounds);
    this.#begin(received);
    request.received = received;
    return received;
  }

  /** Whether the connection closes after this reply. After an unfit request, the next bytes could be a part of it. */
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
    const request = createUnreadRequest(remoteAddress);
    const reply = this.#options.onError(error, request);
    this.tell(request, reply.status, startedAt);
    const { status, headers, body = '' } = reply;
    return { status, headers: { ...headers, [REQUEST_ID_HEADER]: request.requestId }, body };
  }

  /** Serves a request. When the reply cannot be sent, the connection is closed. */
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
