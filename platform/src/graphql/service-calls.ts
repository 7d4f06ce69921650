// Calls of one service by another. Apollo Server answers them; what it would find out about each request anew, and is known
// of the requests of services, is left out: the form of the reply, the form of the body, and a hash of the operation's text.
import type { ApolloServer, ApolloServerOptions, GraphQLRequest } from '@apollo/server';
import type { HttpRequest, Reply } from '../http/server.ts';
import { answerOverHttp, jsonBody, type RequestContext } from './server.ts';

/** Replies are of one moment and one caller. */
const NOT_KEPT = { 'cache-control': 'no-store' };
const JSON_REPLY = { ...NOT_KEPT, 'content-type': 'application/json; charset=utf-8' };
/** What a service accepts, so that there is nothing to negotiate. */
const ACCEPTS_JSON: ReadonlySet<string | undefined> = new Set([undefined, '*/*', 'application/json']);

/**
 * Answers a call of another service: as `answerGraphQL`, and with less work where the call has the form that services
 * use. The server must have KNOWN_BY_TEXT.
 */
export async function answerCall<Context extends RequestContext>(
  server: ApolloServer<Context>,
  request: HttpRequest,
  context: () => Promise<Context>,
): Promise<Reply> {
  // A service asks for thousands of entities at once, and has checked what its own callers sent.
  const body = await jsonBody(request, Number.POSITIVE_INFINITY);
  const call = request.query === '' && ACCEPTS_JSON.has(request.headers.accept) ? callOf(body) : undefined;
  if (call === undefined) {
    const reply = await answerOverHttp(server, request, context, (asked) => asked, body);
    return { ...reply, headers: { ...NOT_KEPT, ...reply.headers } };
  }
  const { body: result, http } = await server.executeOperation(call, { contextValue: await context() });
  if (result.kind !== 'single') throw new Error('a reply in parts is not foreseen');
  const { data, errors, extensions } = result.singleResult;
  return {
    status: http.status ?? 200,
    headers: http.headers.size === 0 ? JSON_REPLY : { ...Object.fromEntries(http.headers), ...JSON_REPLY },
    body: `${JSON.stringify({ errors, data, extensions })}\n`,
  };
}

/** What Apollo Server puts in front of the key of a persisted query. */
const APOLLO_PREFIX = 'apq:';

/**
 * Knows each operation by its text. Apollo Server finds the document of a persisted query without hashing its text, and a
 * hash for every call would cost more than running it does.
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

/** The call in the body; undefined when Apollo Server has to look at its form. */
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
