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
import { GRAPHQL_MEDIA_TYPES } from './protocol.ts';

/** The context of every resolver; services add their data sources. */
export interface RequestContext {
  readonly requestId: string;
  readonly viewer: Viewer;
  /** After this time the caller has no use for the reply, ms since the epoch. */
  readonly deadlineAt: number;
  readonly authorization: string | undefined;
  readonly request: HttpRequest;
  /** Where the request came from. */
  readonly origin: Origin;
}

/** Creates the context of a request: the viewer, the deadline, the origin. */
export async function requestContext(request: HttpRequest, verify: TokenVerifier): Promise<RequestContext> {
  const { requestId, deadlineAt, headers } = request;
  const { authorization, [CLIENT_ADDRESS_HEADER]: address } = headers;
  const viewer = await verify(authorization);
  if (viewer.kind === 'user') request.trail.userId = viewer.id;
  const origin = { address: typeof address === 'string' ? address : undefined, requestId };
  if (origin.address !== undefined) request.trail.address = origin.address;
  return { requestId, viewer, deadlineAt, authorization, request, origin };
}

/** The options of Apollo Server: a schema with resolvers, or a gateway. */
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
            // Apollo's gateway would fail on these and report an error of the server.
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
  return new GraphQLError(`Expected a document with ${which}.`, {
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

/** Reads the JSON of the body. Undefined for a method without a body. */
export async function jsonBody(request: HttpRequest, maxValues?: number): Promise<unknown> {
  if (request.method !== 'POST') return undefined;
  requireTextOfType(request.headers['content-type'], GRAPHQL_MEDIA_TYPES);
  return parseJson(await request.body(), { ...(maxValues !== undefined && { maxValues }) });
}

/** Checks the JSON in a query string by the rules of a body, because Apollo Server parses it without limits. */
function checkQuery(search: string): void {
  for (const [name, value] of new URLSearchParams(search))
    if (value !== '' && (name === 'variables' || name === 'extensions'))
      parseJson(Buffer.from(value), { what: `The parameter ${name}` });
}

/** The differences between public and internal calls. */
export interface AnswerOptions {
  /** Returns the request to run in place of this one, or throws, before any GraphQL is parsed. */
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

/** As answerGraphQL, with a body that was already read. */
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
  // Apollo sends chunked bodies for @defer only, which no schema here has.
  const text = result.body.kind === 'complete' ? result.body.string : '';
  return { status: result.status ?? 200, headers: Object.fromEntries(result.headers), body: text };
}
