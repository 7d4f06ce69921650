// A requested operation, and the result that the caller receives.
import { showErrors } from '@holdfast/platform/graphql/errors';
import { type OperationOutcome, operationOutcomeOf } from '@holdfast/platform/graphql/metrics';
import type { Logger } from '@holdfast/platform/observability/log';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Executed } from '../federation/execution/execution.ts';
import { InvalidOperation } from './invalid-operation.ts';
import type { Variables } from './root-fields.ts';

/** The operation that a request names. */
export interface AskedOperation {
  readonly text: string;
  /** The name of the operation, when the text has several. */
  readonly name: string | undefined;
  readonly variables: Variables;
  /** Whether the request may only read: a GET. */
  readonly isSafe: boolean;
}

/** The result of an operation, ready for the caller. */
export interface OperationResult {
  /** Undefined when no field was executed. */
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphQLFormattedError[];
  /** The HTTP status; `invalid` for an operation that cannot be executed, where the status depends on the media type. */
  readonly status: number | 'invalid';
  readonly retryAfter?: number;
  /** For metrics. */
  readonly outcome: OperationOutcome;
}

/** The result of an executed operation. Its errors are logged, and unexpected ones are masked. */
export function resultOf(executed: Executed, requestId: string, log: Logger): OperationResult {
  const { data, errors } = executed;
  if (errors === undefined || errors.length === 0) return { data, status: 200, outcome: 'ok' };
  const shown = showErrors(log, requestId, errors);
  return { data, errors: shown, ...httpOf(errors, 200), outcome: operationOutcomeOf(shown, errors) };
}

/** The result of an operation that was not executed. */
export function resultOfError(error: unknown, requestId: string, log: Logger): OperationResult {
  const errors = errorsOf(error);
  const shown = showErrors(log, requestId, errors);
  const isInternal = shown.some(({ extensions }) => extensions?.['code'] === 'INTERNAL_SERVER_ERROR');
  return {
    errors: shown,
    ...httpOf(errors, isInternal ? 500 : 'invalid'),
    outcome: operationOutcomeOf(shown, errors),
  };
}

function errorsOf(error: unknown): readonly GraphQLError[] {
  if (error instanceof InvalidOperation) return error.errors;
  if (error instanceof GraphQLError) return [error];
  const originalError = error instanceof Error ? error : new Error(String(error));
  return [new GraphQLError(originalError.message, { originalError })];
}

/** The status and the retry time that an error sets. */
function httpOf(
  errors: readonly GraphQLError[],
  otherwise: OperationResult['status'],
): Pick<OperationResult, 'status' | 'retryAfter'> {
  for (const { extensions } of errors) {
    const http: unknown = extensions['http'];
    if (typeof http !== 'object' || http === null || !('status' in http)) continue;
    const retryAfter: unknown = extensions['retryAfter'];
    return {
      status: Number(http.status),
      ...(typeof retryAfter === 'number' && { retryAfter }),
    };
  }
  return { status: otherwise };
}
