// How errors of GraphQL are shown and logged: the only way by which an error reaches a reply, whatever threw it.
import { isNativeError } from 'node:util/types';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { AppError, isAbandoned, isServerError, toPublicError } from '../errors.ts';
import type { Logger } from '../observability/log.ts';
import { isDatabaseUnavailable } from '../postgres/database.ts';

const innermost = (error: unknown): unknown =>
  error instanceof GraphQLError && error.originalError ? innermost(error.originalError) : error;

/** Masks what is not known. @param formatted the error as JSON, with a code */
export function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
  const original = innermost(error);
  if (original instanceof AppError || !isDatabaseUnavailable(original)) return toPublicError(formatted);
  const message = 'The data cannot be reached right now. Try again in a moment.';
  return toPublicError({ ...formatted, message, extensions: { code: 'SERVICE_UNAVAILABLE' } });
}

/** Lets the caller quote a masked error: the log has the same id beside the real one. */
export function withRequestId(error: GraphQLFormattedError, requestId: string): GraphQLFormattedError {
  if (error.extensions?.['code'] !== 'INTERNAL_SERVER_ERROR') return error;
  return {
    ...error,
    message: `${error.message} Please quote request ${requestId}.`,
    extensions: { ...error.extensions, requestId },
  };
}

/** Logs what is our error. @param shown the same errors, as the caller sees them */
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
    // A plain object is the error of a subgraph, which has logged it, with its cause and this request's id.
    if (!isNativeError(original) || isAbandoned(original)) return;
    const err = original instanceof Error ? (original.cause ?? original) : original;
    log.error({ err, requestId, field: error.path?.join('.'), code }, 'a field failed');
  });
}

/** The errors as the caller sees them; those that are our error are logged. */
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
