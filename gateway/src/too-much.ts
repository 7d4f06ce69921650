// The refusal of an operation that asks for too much: one code and one form for every limit, counted by the limit.
import { AppError } from '@holdfast/platform/errors';
import { labelledCounter } from '@holdfast/platform/observability/metrics';

/** How each limit is named to the caller. */
const NAMES = {
  depth: 'A depth',
  aliases: 'A number of aliases',
  root_fields: 'A number of root fields',
  tokens: 'A number of tokens',
  selections: 'A number of selections, fragments expanded,',
  conditions: 'A number of variables in @skip and @include',
  cost: 'A cost',
} as const;

export interface Excess {
  readonly limit: keyof typeof NAMES;
  readonly allowed: number;
  /** What the operation asks for, or undefined when counting stopped at the limit. */
  readonly actual: number | undefined;
}

/** Planning time and reply size are found out later, and refused in other words. */
const LIMITS = [
  'depth',
  'aliases',
  'root_fields',
  'tokens',
  'selections',
  'conditions',
  'cost',
  'plan_time',
  'reply_bytes',
] as const;

export const countRefusal = labelledCounter({
  name: 'graphql_limit_refusals_total',
  help: 'Operations that asked for too much, by the limit; all but those of reply_bytes were not executed.',
  label: 'limit',
  values: LIMITS,
});

/** Counts the refusal and gives it. */
export function tooMuch({ limit, allowed, actual }: Excess): AppError {
  countRefusal(limit);
  // Fragments of fragments make numbers that JSON cannot say exactly.
  const counted = Math.min(actual ?? allowed + 1, Number.MAX_SAFE_INTEGER);
  const came = actual === undefined ? 'more' : counted;
  return new AppError(
    'QUERY_TOO_COMPLEX',
    `${NAMES[limit]} of at most ${allowed} is expected of an operation, got ${came}.`,
    { details: { limit: allowed, actual: counted, http: { status: 400 } } },
  );
}
