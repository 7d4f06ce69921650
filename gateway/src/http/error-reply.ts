// The reply to a request whose handler threw: a problem for REST, an error for GraphQL.

import { toPublicError } from '@holdfast/platform/errors';
import type { HttpRequest, Reply } from '@holdfast/platform/http/server';
import type { Logger } from '@holdfast/platform/observability/log';
import { GraphQLError } from 'graphql';
import { maskedProblem, OperationError, problemOf } from '../rest/errors.ts';
import { isProblemCode, type Problem, problemReply, statusOf } from '../rest/problem.ts';

export const GRAPHQL_PATH = '/graphql';

/** Tells the caller of an expected error; logs any other error and masks it. */
export function errorReply(error: unknown, request: HttpRequest, log: Logger): Reply {
  const { requestId, path, trail } = request;
  // Compare the route, because one path has several spellings (`/graphql`, `/%67raphql`).
  const isGraphQL = (trail.route ?? path) === GRAPHQL_PATH;
  if (error instanceof GraphQLError && isGraphQL) return replyOfGraphQLError(error, request);
  const problem = problemOf(error) ?? maskedProblem(requestId);
  // The executor has already logged the causes of an operation's errors.
  const isLogged = error instanceof OperationError && error.errors.length > 0;
  if (statusOf(problem.code) >= 500 && !isLogged)
    log.error({ err: error, requestId, code: problem.code }, 'a request failed');
  return isGraphQL ? graphqlReply(problem, request) : problemReply(problem, request);
}

/** The reply to a request that /graphql refuses before it looks up the operation. */
function replyOfGraphQLError(error: GraphQLError, { trail }: HttpRequest): Reply {
  const shown = toPublicError(error.toJSON());
  const code = shown.extensions?.['code'];
  trail.code = String(code);
  return {
    status: isProblemCode(code) ? statusOf(code) : 400,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ errors: [shown] }),
  };
}

/** The problem as an error of GraphQL over HTTP. */
function graphqlReply(problem: Problem, request: HttpRequest): Reply {
  const { status, headers = {} } = problemReply(problem, request);
  const code = statusOf(problem.code) < 500 ? 'BAD_USER_INPUT' : problem.code;
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ errors: [{ message: problem.detail, extensions: { code } }] }),
  };
}
