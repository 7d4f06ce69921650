// An operation of which rate limits refuse some root fields: what is left of it is executed as if it had no others.
import { AppError } from '@holdfast/platform/errors';
import { GraphQLError, isNonNullType } from 'graphql';
import type { Executed } from '../federation/execution/execution.ts';
import { memberOf } from '../federation/execution/members.ts';
import type { Operation } from './operation.ts';
import type { RootCall, RootFields } from './root-calls.ts';

/** Why a root field is not executed. */
export interface Refusal {
  readonly message: string;
  /** Whole seconds, at least 1. */
  readonly retryAfter: number;
}

/** By the response name of the root field. */
export type Refusals = ReadonlyMap<string, Refusal>;

/**
 * Runs what was not refused. Nothing is executed when the caller would not see it: a refused field that cannot be null
 * makes the whole `data` null. And a mutation is executed whole or not at all.
 * @param run executes another text with the same variables
 */
export async function runWithout(
  refusals: Refusals,
  operation: Operation,
  { responseNames, calls, textOf }: RootFields,
  run: (text: string) => Promise<Executed>,
): Promise<Executed> {
  const isRefused = ({ responseName }: RootCall) => refusals.has(responseName);
  const isRequired = ({ info }: RootCall) => isNonNullType(info.returnType);
  const isWhole = operation.type === 'mutation' || calls.some((call) => isRefused(call) && isRequired(call));
  const isAnythingLeft = !isWhole && !calls.every(isRefused);
  const errors = [...refusals].map(([name, refusal]) => errorOf(name, refusal, isAnythingLeft));
  if (isWhole) return { data: null, errors };
  const rest = responseNames.filter((name) => !refusals.has(name));
  const result: Executed = rest.length > 0 ? await run(textOf(rest)) : { data: {} };
  const { data } = result;
  // The members stand in the order in which they were asked for.
  const whole = data && Object.fromEntries(responseNames.map((name) => [name, memberOf(data, name) ?? null]));
  return { data: whole, errors: [...(result.errors ?? []), ...errors] };
}

/** With something left the reply is partial data, and so 200; with nothing it is 429. */
function errorOf(
  responseName: string,
  { message, retryAfter }: Refusal,
  isAnythingLeft: boolean,
): GraphQLError {
  const error = new AppError('RATE_LIMITED', message, { details: { retryAfter } });
  return new GraphQLError(message, {
    originalError: error,
    path: [responseName],
    extensions: { ...error.extensions, ...(!isAnythingLeft && { http: { status: 429 } }) },
  });
}
