// GraphQL over HTTP on Apollo Server, without a web framework between them. Gateway and subgraphs share it.

import { ApolloServer, type ApolloServerOptions, HeaderMap, type HTTPGraphQLRequest } from '@apollo/server';
import { GraphQLError } from 'graphql';
import type { Origin } from '../auth/security-events.ts';
import type { TokenVerifier } from '../auth/tokens.ts';
import type { Viewer } from '../auth/viewer.ts';
import { parseJson } from '../http/json-body.ts';
import { requireTextOfType } from '../http/media-type.ts';
import { CLIENT_ADDRESS_HEADER, type HttpRequest, type Reply } from '../http/server.ts';
import type { Logger } from '../observability/log.ts';
import { formatError, logErrors, withRequestId } from './errors.ts';
import { measureOperations } from './metrics.ts';

/** What every resolver gets; services add their data sources. */
export interface RequestContext {
  readonly requestId: string;
  readonly viewer: Viewer;
  /** When the answer is of no use any more, ms since the epoch. */
  readonly deadlineAt: number;
  readonly authorization: string | undefined;
  readonly request: HttpRequest;
  /** From where the request came to the system. */
  readonly origin: Origin;
}

/** Who asks, and until when. */
export async function requestContext(request: HttpRequest, verify: TokenVerifier): Promise<RequestContext> {
  const { requestId, deadlineAt, headers } = request;
  const { authorization, [CLIENT_ADDRESS_HEADER]: address } = headers;
  const viewer = await verify(authorization);
  if (viewer.kind === 'user') request.trail.userId = viewer.id;
  const origin = { address: typeof address === 'string' ? address : undefined, requestId };
  if (origin.address !== undefined) request.trail.address = origin.address;
  return { requestId, viewer, deadlineAt, authorization, request, origin };
}

/** What Apollo Server was told to run: a schema with resolvers, or a gateway. */
export type GraphQLServerOptions<Context extends RequestContext> = ApolloServerOptions<Context> & {
  readonly log: Logger;
};

/**
 * An Apollo Server with this project's settings: errors masked and logged, no stack traces, no batching, CSRF
 * prevention on, and the operation's name in the log line.
 */
export function createGraphQLServer<Context extends RequestContext>(
  options: GraphQLServerOptions<Context>,
): ApolloServer<Context> {
  const { log, ...apollo } = options;
  return new ApolloServer<Context>({
    introspection: true,
    persistedQueries: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    logger: log,
    formatError,
    ...apollo,
    plugins: [
      ...(apollo.plugins ?? []),
      measureOperations(),
      {
        requestDidStart: async ({ contextValue: { request } }) => ({
          didResolveOperation: async ({ operationName, operation }) => {
            // Apollo's gateway would fail on these, and say that it is to blame.
            if (operation === undefined || operation.operation === 'subscription')
              throw notRunnable(operationName);
            request.trail.operation = operationName ?? operation?.operation ?? 'unknown';
          },
          willSendResponse: async ({ response, errors }) => {
            if (response.body.kind !== 'single' || errors === undefined) return;
            const shown = response.body.singleResult.errors ?? [];
            logErrors(log, request.requestId, errors, shown);
            request.trail.code = String(shown[0]?.extensions?.['code']);
            response.body.singleResult.errors = shown.map((error) => withRequestId(error, request.requestId));
          },
        }),
      },
    ],
  });
}

function notRunnable(operationName: string | null): GraphQLError {
  const which =
    operationName === null
      ? 'exactly one query or mutation'
      : `a query or mutation named ${JSON.stringify(operationName)}`;
  return new GraphQLError(`A document with ${which} is expected.`, {
    extensions: { code: 'BAD_REQUEST', http: { status: 400 } },
  });
}

function headerMap(request: HttpRequest): HeaderMap {
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return headers;
}

/** The media types of requests and replies (GraphQL over HTTP, 4), which gateway and subgraphs speak with each other. */
export const GRAPHQL_MEDIA_TYPES = ['application/json', 'application/graphql-response+json'] as const;

/** The JSON of a body; undefined without one. */
export async function jsonBody(request: HttpRequest, maxValues?: number): Promise<unknown> {
  if (request.method !== 'POST') return undefined;
  requireTextOfType(request.headers['content-type'], GRAPHQL_MEDIA_TYPES);
  return parseJson(await request.body(), { ...(maxValues !== undefined && { maxValues }) });
}

/** The JSON in a query string, which Apollo Server reads by itself, is held to the rules of a body. */
function checkQuery(search: string): void {
  for (const [name, value] of new URLSearchParams(search))
    if (value !== '' && (name === 'variables' || name === 'extensions'))
      parseJson(Buffer.from(value), { what: `A parameter ${name}` });
}

/** What differs between who is answered. */
export interface AnswerOptions {
  /** Says what is run in a request's place, or throws, before anything of it is parsed as GraphQL. */
  readonly admit?: (request: HTTPGraphQLRequest) => HTTPGraphQLRequest;
}

/** Answers one GraphQL request over HTTP (the GraphQL-over-HTTP specification). */
export async function answerGraphQL<Context extends RequestContext>(
  server: ApolloServer<Context>,
  request: HttpRequest,
  context: () => Promise<Context>,
  { admit = (asked) => asked }: AnswerOptions = {},
): Promise<Reply> {
  return answerOverHttp(server, request, context, admit, await jsonBody(request));
}

/** The same with a body that was read. */
export async function answerOverHttp<Context extends RequestContext>(
  server: ApolloServer<Context>,
  request: HttpRequest,
  context: () => Promise<Context>,
  admit: NonNullable<AnswerOptions['admit']>,
  body: unknown,
): Promise<Reply> {
  const httpGraphQLRequest = admit({
    method: request.method,
    headers: headerMap(request),
    search: request.query === '' ? '' : `?${request.query}`,
    body,
  });
  checkQuery(httpGraphQLRequest.search);
  const result = await server.executeHTTPGraphQLRequest({ httpGraphQLRequest, context });
  // Chunked bodies come of @defer only, which no schema here offers.
  const text = result.body.kind === 'complete' ? result.body.string : '';
  return { status: result.status ?? 200, headers: Object.fromEntries(result.headers), body: text };
}
