// The message for the user when an operation fails. Expected problems are not errors: they are part of the data.
import { CombinedGraphQLErrors, ServerError } from '@apollo/client/errors';

/** The first error of a reply's `errors`, as the gateway codes it. */
export interface GatewayError {
  readonly code: string;
  readonly message: string;
  /** Seconds after which a RATE_LIMITED operation may be sent again. */
  readonly retryAfter: number | undefined;
}

export function errorOf(error: unknown): GatewayError | undefined {
  if (!CombinedGraphQLErrors.is(error)) return undefined;
  const [first] = error.errors;
  if (first === undefined) return undefined;
  const { code, retryAfter } = first.extensions ?? {};
  return {
    code: typeof code === 'string' ? code : 'INTERNAL_SERVER_ERROR',
    message: first.message,
    retryAfter: typeof retryAfter === 'number' ? retryAfter : undefined,
  };
}

export function errorMessage(error: unknown): string {
  const shown = errorOf(error);
  if (shown?.code === 'RATE_LIMITED')
    return `Too many calls. Try again ${shown.retryAfter === undefined ? 'later' : `in ${shown.retryAfter} seconds`}.`;
  if (shown?.code === 'FORBIDDEN') return 'Your account may not do this.';
  if (shown !== undefined) return shown.message;
  if (ServerError.is(error)) return `The server answered with status ${error.statusCode}. Try again.`;
  // What fetch() throws when no reply comes (https://fetch.spec.whatwg.org/#fetch-method).
  if (error instanceof TypeError || !(error instanceof Error))
    return 'The server does not answer. Check your connection and try again.';
  return error.message;
}
