// How much one operation may request. An operation over a limit is refused before it is planned or sent to a subgraph.
import { count } from '@holdfast/platform/settings';
import type { z } from 'zod';
import type { Measured } from './measure.ts';
import type { Variables } from './root-fields.ts';
import { type Excess, refuseExcess } from './too-much.ts';

export const graphLimitSettings = {
  MAX_DEPTH: count('fields', 12, 1, 100).describe('How deep an operation may nest fields within fields.'),
  MAX_ALIASES: count('fields', 30, 1, 10_000).describe(
    'How many fields of an operation may have another name than their own.',
  ),
  MAX_ROOT_FIELDS: count('fields', 20, 1, 10_000).describe('How many fields the operation itself may have.'),
  // More than 10,000 could make validation long.
  MAX_TOKENS: count('tokens', 2_000, 1, 10_000).describe(
    'How many names, numbers, texts and signs a document may have.',
  ),
  MAX_SELECTIONS: count('selections', 400, 1, 10_000).describe(
    'How many fields, inline fragments and spreads a document may have, each fragment counted where it is spread.',
  ),
  MAX_CONDITIONS: count('variables', 10, 1, 100).describe(
    'How many variables `@skip` and `@include` may use.',
  ),
  MAX_COST: count('selections', 8_000, 1, 10_000_000).describe(
    'What an operation may [cost](graphql.md#limits-of-the-graph): each selection counts its weight, times the sizes of the ' +
      'lists that it is in.',
  ),
};

export type GraphLimits = Readonly<z.infer<z.ZodObject<typeof graphLimitSettings>>>;

/** The first limit that the operation exceeds with any variables. */
export function excessOfShape(
  { MAX_DEPTH, MAX_ALIASES, MAX_ROOT_FIELDS }: GraphLimits,
  { depth, aliases, rootFields }: Measured,
): Excess | undefined {
  if (depth > MAX_DEPTH) return { limit: 'depth', allowed: MAX_DEPTH, actual: depth };
  if (aliases > MAX_ALIASES) return { limit: 'aliases', allowed: MAX_ALIASES, actual: aliases };
  if (rootFields > MAX_ROOT_FIELDS)
    return { limit: 'root_fields', allowed: MAX_ROOT_FIELDS, actual: rootFields };
  return undefined;
}

/** @throws {AppError} QUERY_TOO_COMPLEX when the operation requests too much with these variables */
export type CheckBounds = (variables: Variables) => void;

/** Compiles the check of a request: variables can change the cost only, so the other limits are checked once. */
export function compileBounds(limits: GraphLimits, measured: Measured): CheckBounds {
  const excess = excessOfShape(limits, measured);
  const { MAX_COST } = limits;
  const { cost } = measured;
  return (variables) => {
    if (excess) throw refuseExcess(excess);
    const total = cost(variables);
    // NaN is refused too.
    if (!(total <= MAX_COST)) throw refuseExcess({ limit: 'cost', allowed: MAX_COST, actual: total });
  };
}
