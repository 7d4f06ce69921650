// The server of a subgraph: a federated schema behind `/graphql`, further routes, and HTTP errors.
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLSchemaModule } from '@apollo/subgraph/dist/schema-helper/index.js';
import { type DocumentNode, type GraphQLSchema, Kind, parse } from 'graphql';
import { type CallerCheck, SERVICE_TOKEN_HEADER } from '../auth/service-tokens.ts';
import type { TokenVerifier } from '../auth/tokens.ts';
import { AppError, type ErrorCode } from '../errors.ts';
import {
  ANY_METHOD,
  addRoute,
  type Handler,
  HttpError,
  type HttpRequest,
  type HttpServerOptions,
  type Reply,
} from '../http/server.ts';
import type { Logger } from '../observability/log.ts';
import { compileSchema } from './compiled-schema.ts';
import { createEntityResolvers, type LoadEntities } from './entities.ts';
import { measureRootFields } from './metrics.ts';
import { boundMutations } from './mutation-deadlines.ts';
import { ALIVE_PATH } from './protocol.ts';
import { createGraphQLServer, type RequestContext, requestContext } from './server.ts';
import { answerCall, KNOWN_BY_TEXT } from './service-calls.ts';

const GRAPHQL_PATH = '/graphql';

export interface SubgraphOptions<Context extends RequestContext> {
  /** The SDL, federation 2. */
  readonly typeDefs: string;
  readonly resolvers: NonNullable<GraphQLSchemaModule['resolvers']>;
  /** Loaders by type. The types of a service have either these or `__resolveReference` resolvers, never both. */
  readonly entities?: Readonly<Record<string, LoadEntities<Context>>>;
  readonly verify: TokenVerifier;
  /** A caller that it refuses cannot run any operation. */
  readonly checkCaller: CallerCheck;
  /** Adds the service's loaders and domain to the context of a request. */
  readonly context: (base: RequestContext) => Context;
  /** Handlers of other paths, by `METHOD /path`. */
  readonly routes?: Readonly<Record<string, Handler>>;
  readonly log: Logger;
}

export interface Subgraph extends Pick<HttpServerOptions, 'handler' | 'onError'> {
  readonly routes: NonNullable<HttpServerOptions['routes']>;
  close(): Promise<void>;
}

const createErrorReply = (
  status: number,
  code: ErrorCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Reply => ({
  status,
  headers: { ...headers, 'content-type': 'application/json' },
  body: JSON.stringify({ errors: [{ message, extensions: { code } }] }),
});

/** The reply to a caller without a valid service token; undefined for a caller with one. */
async function refuseStranger(
  request: HttpRequest,
  { checkCaller, log }: Pick<SubgraphOptions<RequestContext>, 'checkCaller' | 'log'>,
): Promise<Reply | undefined> {
  const reason = await checkCaller(request.headers[SERVICE_TOKEN_HEADER], 'graphql');
  if (reason === undefined) return undefined;
  request.trail.code = 'UNAUTHENTICATED';
  log.warn({ requestId: request.requestId, reason }, 'a call was refused because of its service token');
  const message =
    'Only services of this system may call this path: expected a valid Service-Authorization header.';
  return createErrorReply(401, 'UNAUTHENTICATED', message, { 'www-authenticate': 'Bearer' });
}

/** Makes a handler refuse unfit requests (unfit-request.ts). */
const refuseUnfit =
  (handler: Handler): Handler =>
  async (request) => {
    if (request.error) throw request.error;
    return handler(request);
  };

async function answerAlive({ trail }: HttpRequest): Promise<Reply> {
  trail.isRoutine = true;
  return { status: 204 };
}

/** The empty document of a schema module that has only resolvers. */
const EMPTY: DocumentNode = { kind: Kind.DOCUMENT, definitions: [] };

function schemaOf<Context extends RequestContext>({
  typeDefs,
  resolvers,
  entities,
}: SubgraphOptions<Context>): GraphQLSchema {
  const schema = buildSubgraphSchema([
    { typeDefs: parse(typeDefs), resolvers },
    ...(entities ? [{ typeDefs: EMPTY, resolvers: createEntityResolvers(entities) }] : []),
  ]);
  boundMutations(schema);
  measureRootFields(schema);
  return schema;
}

/** Serves a subgraph. @throws when schema and resolvers do not fit each other */
export async function createSubgraph<Context extends RequestContext>(
  options: SubgraphOptions<Context>,
): Promise<Subgraph> {
  const { log, verify, checkCaller, context, routes = {} } = options;
  const schema = schemaOf(options);
  const server = createGraphQLServer<Context>({
    gateway: compileSchema(schema),
    persistedQueries: KNOWN_BY_TEXT,
    log,
    plugins: [
      // Apollo's cache-control plugin would wrap every field. service-calls.ts sets `Cache-Control` itself.
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginLandingPageDisabled(),
    ],
  });
  await server.start();

  const graphql = async (request: HttpRequest): Promise<Reply> =>
    (await refuseStranger(request, { checkCaller, log })) ??
    answerCall(server, request, async () => context(await requestContext(request, verify)));

  return {
    routes: (app) => {
      addRoute(app, {
        methods: ANY_METHOD,
        path: GRAPHQL_PATH,
        template: GRAPHQL_PATH,
        handle: refuseUnfit(graphql),
      });
      addRoute(app, {
        methods: ['GET'],
        path: ALIVE_PATH,
        template: ALIVE_PATH,
        handle: refuseUnfit(answerAlive),
      });
      for (const [name, handler] of Object.entries(routes)) {
        const [method = '', path = ''] = name.split(' ');
        addRoute(app, { methods: [method], path, template: path, handle: refuseUnfit(handler) });
      }
    },
    handler: refuseUnfit(async () =>
      createErrorReply(404, 'BAD_USER_INPUT', 'This path does not exist. GraphQL is at /graphql.'),
    ),
    onError: (error, { requestId }) => {
      if (error instanceof HttpError)
        return createErrorReply(error.status, 'BAD_USER_INPUT', error.message, error.headers);
      // Only errors about the form of the request are thrown before GraphQL runs.
      if (error instanceof AppError) return createErrorReply(400, error.code, error.message);
      log.error({ err: error, requestId }, 'a request failed');
      return createErrorReply(
        500,
        'INTERNAL_SERVER_ERROR',
        `Something went wrong on our side. Please quote request ${requestId}.`,
      );
    },
    close: () => server.stop(),
  };
}
