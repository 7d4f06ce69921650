// The HTTP server under every service: Fastify, with bounded bodies, headers and times, a request id, a deadline and one log
// line a request. Handlers take a view of the request and give replies as values; a service's routes stand in Fastify's
// router. What protects a server from its clients are settings and listeners of Node's server under it.
import { METHODS, type Server } from 'node:http';
import {
  type FastifyContextConfig,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchema,
  fastify,
  LogController,
} from 'fastify';
import { type ConnectionShare, shareConnections } from './connection-share.ts';
import { HttpError } from './error.ts';
import {
  type ExchangeOptions,
  Exchanges,
  type OnError,
  type PathParameters,
  type RouteHandler,
} from './exchanges.ts';
import { closeGently, listen } from './listening.ts';
import { boundConnections, boundedServer, MAX_HEADER_BYTES, type ServerTimes } from './node-server.ts';
import { REQUEST_ID_HEADER } from './reply.ts';
import { type ReceivedRequest, requestIdOf } from './request.ts';
import { createUnreadReplies } from './unread-replies.ts';
import { createUnreadRequests } from './unread-requests.ts';

export { HttpError, MalformedBody } from './error.ts';
export type { Handler, OnError, PathParameters, RouteHandler } from './exchanges.ts';
export { MAX_CONNECTIONS } from './node-server.ts';
export { REQUEST_ID_HEADER, type Reply } from './reply.ts';
export {
  type CheckedRequest,
  CLIENT_ADDRESS_HEADER,
  type HttpRequest,
  requestIdOf,
  TIMEOUT_HEADER,
  type Trail,
} from './request.ts';

/** Answers a request of Fastify, as a hook `onRequest` or as a handler. */
export type Responder = (
  request: FastifyRequest<{ Params: PathParameters }>,
  reply: FastifyReply,
  goOn: () => void,
) => void;

export interface HttpRoute {
  readonly methods: readonly string[];
  /** In Fastify's notation, as `/products/:id`. */
  readonly path: string;
  readonly handle: RouteHandler;
  /** What metrics and traces call it; `other` when it is undefined. */
  readonly template?: string;
  /** What plugins are told about it. */
  readonly config?: FastifyContextConfig;
  /** What Fastify checks when the handler asks it to (`request.check()`), and what plugins document. */
  readonly schema?: FastifySchema;
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Makes a responder, which writes what the handler resolves to.
     * @param isChecked whether the route has schemas, by which the handler can let Fastify check the request
     */
    answer(handler: RouteHandler, template: string | undefined, isChecked: boolean): Responder;
  }
  interface FastifyRequest {
    /** The view of the request, once something has asked for it. */
    received?: ReceivedRequest;
  }
}

export interface HttpServerOptions extends ExchangeOptions, ServerTimes {
  readonly routes?: (app: FastifyInstance) => void;
  /** Answers every request that no route answers. */
  readonly handler: RouteHandler;
  /** What every handler runs in. */
  readonly around?: (handler: RouteHandler, onError: OnError) => RouteHandler;
  /** Without it one address may hold every connection. */
  readonly connectionShare?: ConnectionShare | undefined;
  /** How much of all replies may be unread by their clients. */
  readonly maxUnreadBytes?: number;
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

/** A path that is no route's. */
const NOWHERE = '/.';

/** Every method that Node knows and that is not among `methods`. */
export const methodsBeside = (methods: readonly string[]): string[] =>
  METHODS.filter((method) => !methods.includes(method));

export const ANY_METHOD: readonly string[] = METHODS;

/**
 * Adds a route whose handler is called before Fastify looks at the body: a refusal does not wait for one. The handler
 * reads the body itself, or lets Fastify parse and check it by the route's schema (`request.check()`), and goes on then.
 */
export function addRoute(
  app: FastifyInstance,
  { methods, path, handle, template, config = {}, schema }: HttpRoute,
): void {
  const respond = app.answer(handle, template, schema !== undefined);
  const route = { method: [...methods], url: path, config };
  if (schema === undefined) {
    app.route<{ Params: PathParameters }>({ ...route, onRequest: respond, handler: unreachable });
    return;
  }
  app.route<{ Params: PathParameters }>({
    ...route,
    schema,
    onRequest: schema.body === undefined ? [ignoreMediaType, respond] : respond,
    handler: (request, reply) => {
      reply.hijack();
      request.received?.checking?.passed?.(request);
    },
    errorHandler: (error, request, reply) => {
      reply.hijack();
      request.received?.checking?.failed?.(asHttpError(error));
    },
  });
}

/** A route without a body has no opinion on its type, and Fastify would refuse one that is malformed. */
function ignoreMediaType(request: FastifyRequest, _: FastifyReply, done: () => void): void {
  if (request.headers['content-type'] !== undefined) request.headers = { 'content-type': undefined };
  done();
}

/** Of a route whose hook answers. */
const unreachable = (): never => {
  throw new Error('Fastify went on with a request that was answered');
};

/** What Fastify itself has against a request, as ours. */
function asHttpError(error: FastifyError): Error {
  const { code, statusCode = 500, message } = error;
  return statusCode < 500 && code.startsWith('FST_') ? new HttpError(statusCode, message) : error;
}

/** Makes Fastify answer with the handlers of `options`, whatever it has against a request itself. */
function answerWith(app: FastifyInstance, exchanges: Exchanges, options: HttpServerOptions): void {
  const { onError, routes, around = (handler) => handler } = options;
  const take = (request: FastifyRequest, reply: FastifyReply): ReceivedRequest => {
    reply.hijack();
    return exchanges.receive(request, reply);
  };
  const answer = (handler: RouteHandler, template: string | undefined, isChecked: boolean): Responder => {
    const whole = around(handler, onError);
    return (request, reply, goOn) => {
      const received = isChecked ? exchanges.receive(request, reply) : take(request, reply);
      if (isChecked) received.checking = { goOn };
      if (template !== undefined) received.trail.route = template;
      exchanges.start(received, whole, request.params);
    };
  };
  const notFound = around(options.handler, onError);
  const otherwise = (request: FastifyRequest, reply: FastifyReply): void =>
    exchanges.start(take(request, reply), notFound, {});
  app.decorate('answer', answer);
  app.setNotFoundHandler(otherwise);
  app.setErrorHandler((error, request, reply) => {
    // Of a request without a route Fastify would read a media type all the same.
    if (request.is404) otherwise(request, reply);
    else exchanges.start(take(request, reply), () => Promise.reject(error), {});
  });
  // For what plugins reply by themselves.
  app.addHook('onSend', (request, reply, payload, done) => {
    const received = exchanges.receive(request, reply);
    reply.header(REQUEST_ID_HEADER, received.requestId);
    if (exchanges.isLast(received)) reply.header('connection', 'close');
    exchanges.tell(received, reply.statusCode, received.startedAt);
    done(null, payload);
  });
  routes?.(app);
}

/** An HTTP server that always answers: by its routes, else by its handler. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { maxUnreadBytes = Number.POSITIVE_INFINITY, log, connectionShare } = options;
  const unreadRequests = createUnreadRequests(MAX_HEADER_BYTES, (error, remoteAddress) =>
    exchanges.refuseUnread(error, remoteAddress),
  );
  const app: FastifyInstance = fastify({
    ...boundedServer(options),
    clientErrorHandler: unreadRequests.refuse,
    genReqId: ({ headers }) => requestIdOf(headers[REQUEST_ID_HEADER]),
    exposeHeadRoutes: false,
    // The header bound is the only one, so that a long id is not found by its route, as a short one is.
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    return503OnClosing: false,
    logController: new LogController({ disableRequestLogging: true }),
    // A path that cannot be decoded is no route's. Fastify would run no hook for it.
    frameworkErrors: (_, { raw }, reply) => {
      Object.assign(raw, { originalUrl: raw.url, url: NOWHERE });
      app.routing(raw, reply.raw);
    },
  });
  boundConnections(app.server);
  if (connectionShare) shareConnections(app.server, connectionShare);
  const unread = createUnreadReplies({ server: app.server, maxBytes: maxUnreadBytes, log });
  const exchanges = new Exchanges(options, unread, unreadRequests.begin);
  for (const method of methodsBeside(app.supportedMethods)) app.addHttpMethod(method);
  app.removeAllContentTypeParsers();
  answerWith(app, exchanges, options);
  const drain = (): void => {
    exchanges.draining = true;
  };
  return {
    server: app.server,
    listen: async (port, host) => {
      await app.ready();
      return listen(app.server, port, host);
    },
    drain,
    close: () => {
      drain();
      return closeGently(app);
    },
  };
}
