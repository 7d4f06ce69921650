// Errors are thrown. An expected outcome of an operation is a return value instead (a member of its result union).
import { GraphQLError, type GraphQLFormattedError } from 'graphql';

/** The codes that a caller can receive in `extensions.code`. */
const ERROR_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'BAD_USER_INPUT',
  'RATE_LIMITED',
  'QUERY_TOO_COMPLEX',
  'SERVICE_UNAVAILABLE',
  'INTERNAL_SERVER_ERROR',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Whether the code stands for an error of the server, not of the caller. */
export const isServerError = (code: unknown): boolean =>
  code === 'INTERNAL_SERVER_ERROR' || code === 'SERVICE_UNAVAILABLE';

/** An error whose message may be shown to the caller. The `cause` is for the log only. */
export class AppError extends GraphQLError {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  /** `details` become GraphQL extensions and problem+json members: shown to the caller. */
  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Record<string, unknown> } = {},
  ) {
    super(message, { extensions: { ...options.details, code } });
    this.code = code;
    if (options.cause !== undefined) this.cause = options.cause;
  }
}

/** The caller has closed its connection, so it cannot receive the reply. */
export class CallerGone extends Error {
  override readonly name = 'CallerGone';
}

/** Whether the only reason of an error is that the caller has gone. */
export function isAbandoned(error: unknown): boolean {
  if (error instanceof CallerGone) return true;
  if (!(error instanceof Error)) return false;
  return isAbandoned(error.cause) || (error instanceof GraphQLError && isAbandoned(error.originalError));
}

/** An argument that breaks a rule; `field` is its name, `message` says what was expected and what came. */
export function badInput(field: string, message: string): AppError {
  return new AppError('BAD_USER_INPUT', `${field}: ${message}`, {
    details: { errors: [{ field, message }] },
  });
}

/** Codes of graphql-js and Apollo Server for a request that cannot be run. */
const CLIENT_ERRORS = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_REQUEST',
  'OPERATION_RESOLUTION_FAILURE',
]);
/** Codes that are part of a protocol with clients and so keep their names. */
const PROTOCOL_CODES = new Set([
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'PERSISTED_QUERY_NOT_IN_LIST',
]);
/** The extensions that a caller may see beside the code. All others (stack traces, service names, queries) are removed. */
const PUBLIC_DETAILS = ['errors', 'retryAfter', 'requestId', 'limit', 'actual'];

const isErrorCode = (code: unknown): code is ErrorCode => ERROR_CODES.some((known) => known === code);

function toPublicCode(code: unknown): string {
  if (isErrorCode(code)) return code;
  if (typeof code === 'string' && CLIENT_ERRORS.has(code)) return 'BAD_USER_INPUT';
  if (typeof code === 'string' && PROTOCOL_CODES.has(code)) return code;
  return 'INTERNAL_SERVER_ERROR';
}

/** graphql-js quotes the whole value of the caller and writes what was expected after it, so the end of a message matters. */
const MAX_MESSAGE = 1_000;
const KEPT_END = 300;
const shorten = (message: string): string =>
  message.length <= MAX_MESSAGE
    ? message
    : `${message.slice(0, MAX_MESSAGE - KEPT_END - 1)}…${message.slice(-KEPT_END)}`;

/** The form of an error in the reply: known errors with their public details, all others masked. */
export function toPublicError(formatted: GraphQLFormattedError): GraphQLFormattedError {
  const code = toPublicCode(formatted.extensions?.['code']);
  const extensions: Record<string, unknown> = { code };
  for (const key of PUBLIC_DETAILS) {
    if (formatted.extensions?.[key] !== undefined) extensions[key] = formatted.extensions[key];
  }
  return {
    message:
      code === 'INTERNAL_SERVER_ERROR' ? 'Something went wrong on our side.' : shorten(formatted.message),
    ...(formatted.locations && { locations: formatted.locations }),
    ...(formatted.path && { path: formatted.path }),
    extensions,
  };
}
