// Converts thrown errors into problems for the caller. Unexpected errors are masked.
import { AppError } from '@holdfast/platform/errors';
import { HttpError, MalformedBody } from '@holdfast/platform/http/server';
import { type FieldError, fieldsMessage } from '@holdfast/platform/validation';
import type { GraphQLFormattedError } from 'graphql';
import { isProblemCode, type Problem, type ProblemCode, problem } from './problem.ts';

/** An operation whose result has errors. They are already logged and masked. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  readonly errors: readonly GraphQLFormattedError[];
  constructor(errors: readonly GraphQLFormattedError[]) {
    super(errors[0]?.message ?? 'the operation has no data');
    this.errors = errors;
  }
}

/** GraphQL names that have another name in REST; all others differ in their case only. */
const REST_NAMES: Readonly<Record<string, string>> = {
  first: 'limit',
  after: 'cursor',
  input: 'the body',
  expectedVersion: 'If-Match',
  idempotencyKey: 'Idempotency-Key',
  waitMs: 'Prefer',
};

/** `filter.minPrice` → `min_price` */
export function restName(graphqlName: string): string {
  const name = graphqlName.replace(/^(input|filter)\./, '');
  return REST_NAMES[name] ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const toInvalidInput = (errors: readonly FieldError[]): Problem =>
  problem('INVALID_INPUT', fieldsMessage(errors), { errors: [...errors] });

/** The problem for input that a subgraph refuses, field by field, with the names of REST. */
export const invalidInput = (errors: readonly FieldError[]): Problem =>
  toInvalidInput(errors.map(({ field, message }) => ({ field: restName(field), message })));

const isFieldError = (value: unknown): value is FieldError =>
  typeof value === 'object' &&
  value !== null &&
  'field' in value &&
  'message' in value &&
  typeof value.field === 'string';

function fieldErrorsOf(details: Readonly<Record<string, unknown>> | undefined): FieldError[] {
  const errors = details?.['errors'];
  return Array.isArray(errors) ? errors.filter(isFieldError) : [];
}

/** The problem for a GraphQL error, which has the names of GraphQL. */
function operationProblem({ message, extensions = {} }: GraphQLFormattedError): Problem | undefined {
  const { code, retryAfter } = extensions;
  const errors = fieldErrorsOf(extensions);
  if (code === 'BAD_USER_INPUT' && errors.length > 0) return invalidInput(errors);
  if (code === 'RATE_LIMITED') return problem(code, message, {}, { 'retry-after': String(retryAfter ?? 1) });
  return isProblemCode(code) ? problem(code, message) : undefined;
}

const CODE_OF_STATUS: Readonly<Record<number, ProblemCode>> = {
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  413: 'CONTENT_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  431: 'HEADERS_TOO_LARGE',
};

const codeOf = (error: HttpError): ProblemCode =>
  error instanceof MalformedBody ? 'MALFORMED_JSON' : (CODE_OF_STATUS[error.status] ?? 'BAD_USER_INPUT');

/** The problem for an expected error; undefined for any other, which must be logged and masked. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof HttpError) return problem(codeOf(error), error.message, {}, error.headers);
  if (error instanceof OperationError) return error.errors[0] && operationProblem(error.errors[0]);
  if (!(error instanceof AppError)) return undefined;
  // The REST shim itself throws this error, with the names of REST.
  const errors = fieldErrorsOf(error.extensions);
  return errors.length > 0 ? toInvalidInput(errors) : problem(error.code, error.message);
}

/** The problem for an unexpected error. */
export const maskedProblem = (requestId: string): Problem =>
  problem('INTERNAL_SERVER_ERROR', `Something went wrong on our side. Please quote request ${requestId}.`);
