// Formats and logs GraphQL errors. Every error passes here before it reaches a reply.
import { isNativeError } from 'node:util/types';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { AppError, isAbandoned, isServerError, toPublicError } from '../errors.ts';
import type { Logger } from '../observability/log.ts';
import { isDatabaseUnavailable } from '../postgres/database.ts';

const innermost = (error: unknown): unknown =>
  error instanceof GraphQLError && error.originalError ? innermost(error.originalError) : error;

/** Masks unknown errors. @param formatted the error as JSON, with a code */
export function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
  const original = innermost(error);
  if (original instanceof AppError || !isDatabaseUnavailable(original)) return toPublicError(formatted);
  const message = 'The data is not available right now. Try again in a moment.';
  return toPublicError({ ...formatted, message, extensions: { code: 'SERVICE_UNAVAILABLE' } });
}

/** Adds the request id to a masked error, because the log has the real error under that id. */
export function withRequestId(error: GraphQLFormattedError, requestId: string): GraphQLFormattedError {
  if (error.extensions?.['code'] !== 'INTERNAL_SERVER_ERROR') return error;
  return {
    ...error,
    message: `${error.message} Please quote request ${requestId}.`,
    extensions: { ...error.extensions, requestId },
  };
}

/** Logs the errors of the server. @param shown the same errors, as the caller sees them */
export function logErrors(
  log: Logger,
  requestId: string,
  errors: readonly GraphQLError[],
  shown: readonly GraphQLFormattedError[],
): void {
  errors.forEach((error, index) => {
    const code = shown[index]?.extensions?.['code'];
    if (!isServerError(code)) return;
    const original = innermost(error);
    // A plain object is the error of a subgraph. That subgraph has logged it, with its cause and this request's id.
    if (!isNativeError(original) || isAbandoned(original)) return;
    const err = original instanceof Error ? (original.cause ?? original) : original;
    log.error({ err, requestId, field: error.path?.join('.'), code }, 'a field failed');
  });
}

/** Formats the errors for the caller, and logs the errors of the server. */
export function showErrors(
  log: Logger,
  requestId: string,
  errors: readonly GraphQLError[],
): GraphQLFormattedError[] {
  const shown = errors.map((error) => {
    const { extensions, ...formatted } = error.toJSON();
    const code = extensions?.['code'] ?? 'INTERNAL_SERVER_ERROR';
    return formatError({ ...formatted, extensions: { ...extensions, code } }, error);
  });
  logErrors(log, requestId, errors, shown);
  return shown.map((error) => withRequestId(error, requestId));
}
