// The HTTP server of every service: Fastify, with limits on bodies, headers and times, and with a request id, a deadline and one log
// line for each request. Handlers get a view of the request and return replies as values. Settings and listeners of Node's server
// protect it from its clients.
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
import { limitConnections, limitServer, MAX_HEADER_BYTES, type ServerTimes } from './node-server.ts';
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

/** Answers a request in Fastify, as a hook `onRequest` or as a handler. */
export type Responder = (
  request: FastifyRequest<{ Params: PathParameters }>,
  reply: FastifyReply,
  goOn: () => void,
) => void;

export interface HttpRoute {
  readonly methods: readonly string[];
  /** In Fastify's notation, such as `/products/:id`. */
  readonly path: string;
  readonly handle: RouteHandler;
  /** The name of the route in metrics and traces; default: `other`. */
  readonly template?: string;
  /** Data about the route for plugins. */
  readonly config?: FastifyContextConfig;
  /** The schema by which Fastify checks the request in `request.check()`, and which plugins document. */
  readonly schema?: FastifySchema;
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Makes a responder, which writes the reply of the handler.
     * @param isChecked whether the route has schemas, by which the handler can let Fastify check the request
     */
    answer(handler: RouteHandler, template: string | undefined, isChecked: boolean): Responder;
  }
  interface FastifyRequest {
    /** The view of the request, once it was made. */
    received?: ReceivedRequest;
  }
}

export interface HttpServerOptions extends ExchangeOptions, ServerTimes {
  readonly routes?: (app: FastifyInstance) => void;
  /** Answers every request that no route answers. */
  readonly handler: RouteHandler;
  /** Wraps every handler. */
  readonly around?: (handler: RouteHandler, onError: OnError) => RouteHandler;
  /** Without it, one address may hold all connections. */
  readonly connectionShare?: ConnectionShare | undefined;
  /** How many bytes of replies may be unread by their clients, in total. */
  readonly maxUnreadBytes?: number;
}

export interface HttpServer {
  readonly server: Server;
  /** Resolves to the port, once it is open. */
  listen(port: number, host: string): Promise<number>;
  /** From now on every reply closes its connection. New connections are still accepted. */
  drain(): void;
  /** Accepts no new connection, finishes the running requests, then resolves. */
  close(): Promise<void>;
}

/**
 * For the option `schemaController`: without it, Fastify loads Ajv and fast-json-stringify at every start. An app whose routes have
 * schemas sets compilers of its own.
 */
export const NO_COMPILERS = {
  compilersFactory: { buildValidator: refuseSchema, buildSerializer: refuseSchema },
};

function refuseSchema(): never {
  throw new Error('a route has a schema, and the app has no compiler for it');
}

/** A path without a route. */
const NOWHERE = '/.';

/** All methods of Node beside `methods`. */
export const methodsBeside = (methods: readonly string[]): string[] =>
  METHODS.filter((method) => !methods.includes(method));

export const ANY_METHOD: readonly string[] = METHODS;

/**
 * Adds a route whose handler runs before Fastify reads the body, so that an error reply does not wait for the body. The handler reads
 * the body itself, or lets Fastify parse and check it by the schema of the route (`request.check()`).
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
      request.received?.checking?.failed?.(toHttpError(error));
    },
  });
}

/** For a route without a body: Fastify would refuse a malformed Content-Type, which does not matter here. */
function ignoreMediaType(request: FastifyRequest, _: FastifyReply, done: () => void): void {
  if (request.headers['content-type'] !== undefined) request.headers = { 'content-type': undefined };
  done();
}

/** The handler of a route whose hook answers. */
const unreachable = (): never => {
  throw new Error('Fastify went on with a request that was answered');
};

/** Turns Fastify's own error about a request into ours. */
function toHttpError(error: FastifyError): Error {
  const { code, statusCode = 500, message } = error;
  return statusCode < 500 && code.startsWith('FST_') ? new HttpError(statusCode, message) : error;
}

/** Makes Fastify answer every request by the handlers of `options`, also when it would refuse the request itself. */
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
    // Fastify checks the media type even of a request without a route.
    if (request.is404) otherwise(request, reply);
    else exchanges.start(take(request, reply), () => Promise.reject(error), {});
  });
  // For the replies of plugins.
  app.addHook('onSend', (request, reply, payload, done) => {
    const received = exchanges.receive(request, reply);
    reply.header(REQUEST_ID_HEADER, received.requestId);
    if (exchanges.isLast(received)) reply.header('connection', 'close');
    exchanges.tell(received, reply.statusCode, received.startedAt);
    done(null, payload);
  });
  routes?.(app);
}

/** Creates an HTTP server that answers every request by a route or by its handler. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { maxUnreadBytes = Number.POSITIVE_INFINITY, log, connectionShare } = options;
  const unreadRequests = createUnreadRequests(MAX_HEADER_BYTES, (error, remoteAddress) =>
    exchanges.refuseUnread(error, remoteAddress),
  );
  const app: FastifyInstance = fastify({
    ...limitServer(options),
    clientErrorHandler: unreadRequests.refuse,
    genReqId: ({ headers }) => requestIdOf(headers[REQUEST_ID_HEADER]),
    exposeHeadRoutes: false,
    schemaController: NO_COMPILERS,
    // Only the header limit applies, so that a long id reaches its route, which answers "not found".
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    return503OnClosing: false,
    logController: new LogController({ disableRequestLogging: true }),
    // A path that cannot be decoded has no route, and Fastify would run no hook for it.
    frameworkErrors: (_, { raw }, reply) => {
      Object.assign(raw, { originalUrl: raw.url, url: NOWHERE });
      app.routing(raw, reply.raw);
    },
  });
  limitConnections(app.server);
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
