// The limits of the graph: how much one operation may ask for. What is too much is refused before it is planned and
// before any subgraph is asked.
import type { ApolloServerOptions, ApolloServerPlugin } from '@apollo/server';
import { AppError, toPublicError } from '@holdfast/platform/errors';
import type { RequestContext } from '@holdfast/platform/graphql';
import { labelledCounter } from '@holdfast/platform/metrics';
import type { GraphQLFormattedError, OperationDefinitionNode } from 'graphql';
import { z } from 'zod';
import { type Measured, measure } from './measure.js';

const most = (fallback: number, max: number) => z.coerce.number().int().min(1).max(max).default(fallback);

export const graphLimitSettings = {
  /** Fields within fields. */
  MAX_DEPTH: most(12, 100),
  /** Fields under another name than their own. */
  MAX_ALIASES: most(30, 10_000),
  /** Fields of the operation itself. */
  MAX_ROOT_FIELDS: most(20, 10_000),
  /** Of the GraphQL language, in one document. More than 10,000 could make validation long. */
  MAX_TOKENS: most(2_000, 10_000),
  /** Fields that the reply may have: each counts 1, times the sizes of the lists that it is in. */
  MAX_COST: most(5_000, 10_000_000),
};

export type GraphLimits = Readonly<z.infer<z.ZodObject<typeof graphLimitSettings>>>;

const LIMITS = ['depth', 'aliases', 'root_fields', 'tokens', 'cost'] as const;
type Limit = (typeof LIMITS)[number];

const countRefusal = labelledCounter({
  name: 'graphql_limit_refusals_total',
  help: 'Operations that were not executed because they asked for too much, by the limit.',
  label: 'limit',
  values: LIMITS,
});

/** One error says what to mend; a hundred are work for us. */
const MAX_VALIDATION_ERRORS = 5;

/** Apollo Server's part: tokens and validation errors have an end. */
export const boundedParsing = ({ MAX_TOKENS }: GraphLimits) =>
  ({
    parseOptions: { maxTokens: MAX_TOKENS },
    validationOptions: { maxErrors: MAX_VALIDATION_ERRORS },
  }) satisfies Partial<ApolloServerOptions<RequestContext>>;

/** @param actual what the operation asks for, or undefined when counting stopped at the limit */
function tooMuch(name: Limit, what: string, allowed: number, actual: number | undefined): AppError {
  countRefusal(name);
  // Fragments of fragments make numbers that JSON cannot say exactly.
  const counted = Math.min(actual ?? allowed + 1, Number.MAX_SAFE_INTEGER);
  const came = actual === undefined ? 'more' : counted;
  return new AppError(
    'QUERY_TOO_COMPLEX',
    `${what} of at most ${allowed} is expected of an operation, got ${came}.`,
    { details: { limit: allowed, actual: counted, http: { status: 400 } } },
  );
}

/** @throws {AppError} QUERY_TOO_COMPLEX for the first limit that is passed */
function check(
  limits: GraphLimits,
  { depth, aliases, rootFields, cost }: Measured,
  variables: Readonly<Record<string, unknown>>,
): void {
  const { MAX_DEPTH, MAX_ALIASES, MAX_ROOT_FIELDS, MAX_COST } = limits;
  if (depth > MAX_DEPTH) throw tooMuch('depth', 'A depth', MAX_DEPTH, depth);
  if (aliases > MAX_ALIASES) throw tooMuch('aliases', 'A number of aliases', MAX_ALIASES, aliases);
  if (rootFields > MAX_ROOT_FIELDS)
    throw tooMuch('root_fields', 'A number of root fields', MAX_ROOT_FIELDS, rootFields);
  const total = cost(variables);
  if (total > MAX_COST) throw tooMuch('cost', 'A cost', MAX_COST, total);
}

/** graphql-js has no code for it. (The typing error is theirs.) */
const isTokenLimit = (error: Error | undefined): boolean =>
  error !== undefined && /contains more tha[nt] \d+ tokens/.test(error.message);

/** Refuses what asks for too much. A document is measured once and kept with its parsed form. */
export function limitGraph(limits: GraphLimits): ApolloServerPlugin<RequestContext> {
  const measured = new WeakMap<OperationDefinitionNode, Measured>();
  return {
    requestDidStart: async () => {
      let refusal: AppError | undefined;
      return {
        parsingDidStart: async () => async (error) => {
          if (isTokenLimit(error))
            refusal = tooMuch('tokens', 'A number of tokens', limits.MAX_TOKENS, undefined);
        },
        didResolveOperation: async ({ schema, document, operation, request }) => {
          // Whoever names no operation is told so elsewhere.
          if (!operation) return;
          const facts = measured.get(operation) ?? measure(schema, document, operation);
          measured.set(operation, facts);
          check(limits, facts, request.variables ?? {});
        },
        willSendResponse: async ({ response: { body } }) => {
          if (refusal && body.kind === 'single') body.singleResult.errors = [publicError(refusal)];
        },
      };
    },
  };
}

const publicError = (fault: AppError): GraphQLFormattedError => toPublicError(fault.toJSON());
