// The error for an operation that requests too much: one code and one form for all limits, and a metric by limit.
import { AppError } from '@holdfast/platform/errors';
import { labelledCounter } from '@holdfast/platform/observability/metrics';

/** How a message names each limit to the caller. */
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
  /** How much the operation requests; undefined when counting stopped at the limit. */
  readonly actual: number | undefined;
}

/** The gateway measures the planning time and the size of a reply later, and reports them with other messages. */
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

export const countRefused = labelledCounter({
  name: 'graphql_limit_refusals_total',
  help: 'Operations that requested too much, by limit. Only those of reply_bytes were executed.',
  label: 'limit',
  values: LIMITS,
});

/** Counts the operation as refused, and gives the error. */
export function refuseExcess({ limit, allowed, actual }: Excess): AppError {
  countRefused(limit);
  // Fragments of fragments lead to numbers that JSON cannot write exactly.
  const counted = Math.min(actual ?? allowed + 1, Number.MAX_SAFE_INTEGER);
  const came = actual === undefined ? 'more' : counted;
  return new AppError(
    'QUERY_TOO_COMPLEX',
    `${NAMES[limit]} of at most ${allowed} is expected of an operation, got ${came}.`,
    { details: { limit: allowed, actual: counted, http: { status: 400 } } },
  );
}
