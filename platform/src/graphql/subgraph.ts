// What the three subgraphs have in common: a federated schema behind `/graphql`, and the errors of plain HTTP.
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
import { compiledSchema } from './compiled-schema.ts';
import { entityResolvers, type LoadEntities } from './entities.ts';
import { measureRootFields } from './metrics.ts';
import { boundMutations } from './mutation-deadlines.ts';
import { createGraphQLServer, type RequestContext, requestContext } from './server.ts';
import { answerCall, KNOWN_BY_TEXT } from './service-calls.ts';

const GRAPHQL_PATH = '/graphql';
/** 204 from a process that turns, to anyone; no line in the log. */
export const ALIVE_PATH = '/alive';

export interface SubgraphOptions<Context extends RequestContext> {
  /** The SDL, federation 2. */
  readonly typeDefs: string;
  readonly resolvers: NonNullable<GraphQLSchemaModule['resolvers']>;
  /** By type; other types have `__resolveReference` among their resolvers, and no service has both. */
  readonly entities?: Readonly<Record<string, LoadEntities<Context>>>;
  readonly verify: TokenVerifier;
  /** Whoever it refuses gets nothing of the graph. */
  readonly checkCaller: CallerCheck;
  /** Adds the service's loaders and domain to what every request has. */
  readonly context: (base: RequestContext) => Context;
  /** Other paths that are answered, by `METHOD /path`. */
  readonly routes?: Readonly<Record<string, Handler>>;
  readonly log: Logger;
}

export interface Subgraph extends Pick<HttpServerOptions, 'handler' | 'onError'> {
  readonly routes: NonNullable<HttpServerOptions['routes']>;
  close(): Promise<void>;
}

const errorReply = (
  status: number,
  code: ErrorCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Reply => ({
  status,
  headers: { ...headers, 'content-type': 'application/json' },
  body: JSON.stringify({ errors: [{ message, extensions: { code } }] }),
});

/** The reply to whoever is no service of this system; undefined for those that are. */
async function refuse(
  request: HttpRequest,
  { checkCaller, log }: Pick<SubgraphOptions<RequestContext>, 'checkCaller' | 'log'>,
): Promise<Reply | undefined> {
  const reason = await checkCaller(request.headers[SERVICE_TOKEN_HEADER], 'graphql');
  if (reason === undefined) return undefined;
  request.trail.code = 'UNAUTHENTICATED';
  log.warn({ requestId: request.requestId, reason }, 'a call was refused for its service token');
  const message = 'Only services of this system are answered here: a service token for this one is expected.';
  return errorReply(401, 'UNAUTHENTICATED', message, { 'www-authenticate': 'Bearer' });
}

/** Refuses what is not fit, at every path. */
const fit =
  (handler: Handler): Handler =>
  async (request) => {
    if (request.error) throw request.error;
    return handler(request);
  };

async function alive({ trail }: HttpRequest): Promise<Reply> {
  trail.isRoutine = true;
  return { status: 204 };
}

/** The part of a schema that has resolvers alone. */
const NOTHING: DocumentNode = { kind: Kind.DOCUMENT, definitions: [] };

function schemaOf<Context extends RequestContext>({
  typeDefs,
  resolvers,
  entities,
}: SubgraphOptions<Context>): GraphQLSchema {
  const schema = buildSubgraphSchema([
    { typeDefs: parse(typeDefs), resolvers },
    ...(entities ? [{ typeDefs: NOTHING, resolvers: entityResolvers(entities) }] : []),
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
    gateway: compiledSchema(schema),
    persistedQueries: KNOWN_BY_TEXT,
    log,
    plugins: [
      // It would wrap every field; that replies are not to be kept is said without it.
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginLandingPageDisabled(),
    ],
  });
  await server.start();

  const graphql = async (request: HttpRequest): Promise<Reply> =>
    (await refuse(request, { checkCaller, log })) ??
    answerCall(server, request, async () => context(await requestContext(request, verify)));

  return {
    routes: (app) => {
      addRoute(app, {
        methods: ANY_METHOD,
        path: GRAPHQL_PATH,
        template: GRAPHQL_PATH,
        handle: fit(graphql),
      });
      addRoute(app, { methods: ['GET'], path: ALIVE_PATH, template: ALIVE_PATH, handle: fit(alive) });
      for (const [name, handler] of Object.entries(routes)) {
        const [method = '', path = ''] = name.split(' ');
        addRoute(app, { methods: [method], path, template: path, handle: fit(handler) });
      }
    },
    handler: fit(async () =>
      errorReply(404, 'BAD_USER_INPUT', 'There is nothing here; /graphql is where to ask.'),
    ),
    onError: (error, { requestId }) => {
      if (error instanceof HttpError)
        return errorReply(error.status, 'BAD_USER_INPUT', error.message, error.headers);
      // Thrown before GraphQL looks at the request, and only about its form.
      if (error instanceof AppError) return errorReply(400, error.code, error.message);
      log.error({ err: error, requestId }, 'a request failed');
      return errorReply(
        500,
        'INTERNAL_SERVER_ERROR',
        `Something went wrong on our side. Please quote request ${requestId}.`,
      );
    },
    close: () => server.stop(),
  };
}
