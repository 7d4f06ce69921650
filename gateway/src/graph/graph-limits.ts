// The limits of the graph: how much one operation may ask for. What is too much is refused before it is planned and
// before any subgraph is asked; what would be long to validate, before it is validated.
import type { ApolloServerOptions, ApolloServerPlugin } from '@apollo/server';
import { count } from '@holdfast/platform/config';
import { toPublicError } from '@holdfast/platform/errors';
import type { RequestContext } from '@holdfast/platform/graphql';
import { type DocumentNode, Kind, type OperationDefinitionNode } from 'graphql';
import type { z } from 'zod';
import { expandedSize } from './expanded.ts';
import type { FieldWeights } from './field-weights.ts';
import { type Measured, measure } from './measure.ts';
import { type Excess, tooMuch } from './too-much.ts';

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
    'What an operation may [cost](api.md#limits-of-the-graph): each selection counts its weight, times the sizes of the ' +
      'lists that it is in.',
  ),
};

export type GraphLimits = Readonly<z.infer<z.ZodObject<typeof graphLimitSettings>>>;

/** One error says what to mend; a hundred are work for us. */
const MAX_VALIDATION_ERRORS = 5;

/** Apollo Server's part: tokens and validation errors have an end. */
export const boundedParsing = ({ MAX_TOKENS }: GraphLimits) =>
  ({
    parseOptions: { maxTokens: MAX_TOKENS },
    validationOptions: { maxErrors: MAX_VALIDATION_ERRORS },
  }) satisfies Partial<ApolloServerOptions<RequestContext>>;

/** The first limit that the document passes. The document need not be valid. */
function excessOfDocument(
  { MAX_SELECTIONS, MAX_CONDITIONS }: GraphLimits,
  document: DocumentNode,
): Excess | undefined {
  const { selections, conditions } = expandedSize(document);
  if (selections > MAX_SELECTIONS)
    return { limit: 'selections', allowed: MAX_SELECTIONS, actual: selections };
  if (conditions > MAX_CONDITIONS)
    return { limit: 'conditions', allowed: MAX_CONDITIONS, actual: conditions };
  return undefined;
}

/** The first limit that the operation passes. */
function excessOfOperation(
  { MAX_DEPTH, MAX_ALIASES, MAX_ROOT_FIELDS, MAX_COST }: GraphLimits,
  { depth, aliases, rootFields, cost }: Measured,
  variables: Readonly<Record<string, unknown>>,
): Excess | undefined {
  if (depth > MAX_DEPTH) return { limit: 'depth', allowed: MAX_DEPTH, actual: depth };
  if (aliases > MAX_ALIASES) return { limit: 'aliases', allowed: MAX_ALIASES, actual: aliases };
  if (rootFields > MAX_ROOT_FIELDS)
    return { limit: 'root_fields', allowed: MAX_ROOT_FIELDS, actual: rootFields };
  const total = cost(variables);
  return total > MAX_COST ? { limit: 'cost', allowed: MAX_COST, actual: total } : undefined;
}

/** What the parser gave up at: graphql-js has no code for either. (The typing error is theirs.) */
function excessOfParsing(
  { MAX_TOKENS, MAX_DEPTH }: GraphLimits,
  error: Error | undefined,
): Excess | undefined {
  if (error === undefined) return undefined;
  if (/contains more tha[nt] \d+ tokens/.test(error.message))
    return { limit: 'tokens', allowed: MAX_TOKENS, actual: undefined };
  // Its own recursion came to the end of the stack, far beyond any depth that could be allowed.
  if (error.name === 'RangeError') return { limit: 'depth', allowed: MAX_DEPTH, actual: undefined };
  return undefined;
}

/**
 * Refuses what asks for too much. A document is measured once and kept with its parsed form: Apollo Server keeps the
 * documents that it has validated, by the hash of their text.
 */
export function limitGraph(
  limits: GraphLimits,
  weights: () => FieldWeights,
): ApolloServerPlugin<RequestContext> {
  const measured = new WeakMap<OperationDefinitionNode, Measured>();
  const excesses = new WeakMap<DocumentNode, Excess>();
  return {
    requestDidStart: async () => {
      let excess: Excess | undefined;
      return {
        parsingDidStart: async () => async (error) => {
          excess = excessOfParsing(limits, error);
        },
        validationDidStart: async (context) => {
          const found = excessOfDocument(limits, context.document);
          if (found === undefined) return;
          // Nothing can be refused here. So an empty document, which is valid at once, takes the place of this one: Apollo
          // Server keeps it for the next request with this text, and it is refused where its operation is looked for.
          const document: DocumentNode = { kind: Kind.DOCUMENT, definitions: [] };
          excesses.set(document, found);
          Object.assign(context, { document });
        },
        didResolveOperation: async ({ schema, document, operation, request }) => {
          const found = excesses.get(document);
          if (found) throw tooMuch(found);
          // A request that names no operation of the document is told so by Apollo Server.
          if (!operation) return;
          const facts = measured.get(operation) ?? measure(schema, weights(), document, operation);
          measured.set(operation, facts);
          const beyond = excessOfOperation(limits, facts, request.variables ?? {});
          if (beyond) throw tooMuch(beyond);
        },
        willSendResponse: async ({ response: { body } }) => {
          if (excess && body.kind === 'single')
            body.singleResult.errors = [toPublicError(tooMuch(excess).toJSON())];
        },
      };
    },
  };
}
