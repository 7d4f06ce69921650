// Executes an operation without the root fields that rate limits refuse.
import { AppError } from '@holdfast/platform/errors';
import { GraphQLError, isNonNullType } from 'graphql';
import type { Executed } from '../federation/execution/execution.ts';
import { memberOf } from '../federation/execution/members.ts';
import type { Operation } from './operation.ts';
import type { RootCall, RootFields } from './root-calls.ts';

/** Why a root field is not executed. */
export interface RefusedField {
  readonly message: string;
  /** Whole seconds, at least 1. */
  readonly retryAfter: number;
}

/** The refused root fields by response name. */
export type RefusedFields = ReadonlyMap<string, RefusedField>;

/**
 * Executes the root fields that were not refused. No field is executed when the caller would not see it: a refused field
 * that cannot be null makes the whole `data` null. A mutation is executed as a whole or not at all.
 * @param run executes another text with the same variables
 */
export async function runWithout(
  refusedFields: RefusedFields,
  operation: Operation,
  { responseNames, calls, textOf }: RootFields,
  run: (text: string) => Promise<Executed>,
): Promise<Executed> {
  const isRefused = ({ responseName }: RootCall) => refusedFields.has(responseName);
  const isRequired = ({ info }: RootCall) => isNonNullType(info.returnType);
  const isWhole = operation.type === 'mutation' || calls.some((call) => isRefused(call) && isRequired(call));
  const isAnythingLeft = !isWhole && !calls.every(isRefused);
  const errors = [...refusedFields].map(([name, refusedField]) =>
    createRefusedError(name, refusedField, isAnythingLeft),
  );
  if (isWhole) return { data: null, errors };
  const rest = responseNames.filter((name) => !refusedFields.has(name));
  const result: Executed = rest.length > 0 ? await run(textOf(rest)) : { data: {} };
  const { data } = result;
  // Put the members into the order of the request.
  const whole = data && Object.fromEntries(responseNames.map((name) => [name, memberOf(data, name) ?? null]));
  return { data: whole, errors: [...(result.errors ?? []), ...errors] };
}

/** The error of a refused field. With other fields in the reply the status is 200, for partial data; without them 429. */
function createRefusedError(
  responseName: string,
  { message, retryAfter }: RefusedField,
  isAnythingLeft: boolean,
): GraphQLError {
  const error = new AppError('RATE_LIMITED', message, { details: { retryAfter } });
  return new GraphQLError(message, {
    originalError: error,
    path: [responseName],
    extensions: { ...error.extensions, ...(!isAnythingLeft && { http: { status: 429 } }) },
  });
}
