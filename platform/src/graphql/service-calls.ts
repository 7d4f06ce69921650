// Answers calls from other services. Apollo Server runs them, without the work that the calls of services never need: it does not
// negotiate the form of the reply, check the form of the body, or hash the text of the operation.
import type { ApolloServer, ApolloServerOptions, GraphQLRequest } from '@apollo/server';
import type { HttpRequest, Reply } from '../http/server.ts';
import { answerOverHttp, jsonBody, type RequestContext } from './server.ts';

/** A reply is for one moment and one caller. */
const NOT_KEPT = { 'cache-control': 'no-store' };
const JSON_REPLY = { ...NOT_KEPT, 'content-type': 'application/json; charset=utf-8' };
/** The Accept fields of services. For these the reply is JSON without negotiation. */
const ACCEPTS_JSON: ReadonlySet<string | undefined> = new Set([undefined, '*/*', 'application/json']);

/**
 * Answers a call from another service as `answerGraphQL` does, with less work when the call has the usual form of services. The
 * server must have KNOWN_BY_TEXT.
 */
export async function answerCall<Context extends RequestContext>(
  server: ApolloServer<Context>,
  request: HttpRequest,
  context: () => Promise<Context>,
): Promise<Reply> {
  // No limit of values: a service requests thousands of entities at once, and has checked the input of its own callers.
  const body = await jsonBody(request, Number.POSITIVE_INFINITY);
  const call = request.query === '' && ACCEPTS_JSON.has(request.headers.accept) ? callOf(body) : undefined;
  if (call === undefined) {
    const reply = await answerOverHttp(server, request, context, (asked) => asked, body);
    return { ...reply, headers: { ...NOT_KEPT, ...reply.headers } };
  }
  const { body: result, http } = await server.executeOperation(call, { contextValue: await context() });
  if (result.kind !== 'single') throw new Error('expected a single result, got an incremental one');
  const { data, errors, extensions } = result.singleResult;
  return {
    status: http.status ?? 200,
    headers: http.headers.size === 0 ? JSON_REPLY : { ...Object.fromEntries(http.headers), ...JSON_REPLY },
    body: `${JSON.stringify({ errors, data, extensions })}\n`,
  };
}

/** Apollo Server's prefix of the key of a persisted query. */
const APOLLO_PREFIX = 'apq:';

/**
 * A store of persisted queries whose key is the text of the operation. Apollo Server then finds the document without hashing the
 * text for each call, which would cost more than running the operation.
 */
export const KNOWN_BY_TEXT = {
  cache: {
    get: async (key: string) => key.slice(APOLLO_PREFIX.length),
    set: async () => undefined,
    delete: async () => false,
  },
  ttl: null,
} satisfies ApolloServerOptions<RequestContext>['persistedQueries'];

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The call in the body; undefined when Apollo Server must check its form. */
function callOf(body: unknown): GraphQLRequest | undefined {
  if (!isRecord(body)) return undefined;
  const { query, operationName, variables, extensions } = body;
  if (typeof query !== 'string' || query === '' || extensions != null) return undefined;
  if (operationName != null && typeof operationName !== 'string') return undefined;
  if (variables != null && !isRecord(variables)) return undefined;
  return {
    extensions: { persistedQuery: { version: 1, sha256Hash: query } },
    ...(operationName != null && { operationName }),
    ...(variables != null && { variables }),
  };
}
