// Turns a text into a valid document. Each step is bounded: the tokens before parsing, the size with expanded fragments before
// validation, and the number of errors during validation.
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { expandedSize } from './expanded.ts';
import { InvalidOperation, withCode } from './invalid-operation.ts';
import { nameArguments } from './name-arguments.ts';
import { type Excess, refuseExcess } from './too-much.ts';

export interface DocumentLimits {
  readonly MAX_TOKENS: number;
  readonly MAX_DEPTH: number;
  readonly MAX_SELECTIONS: number;
  readonly MAX_CONDITIONS: number;
  /** Whether clients may request the schema, and errors may suggest names of it. */
  readonly INTROSPECTION: boolean;
}

export interface ValidDocument {
  readonly document: DocumentNode;
  /** The selections with expanded fragments, which the planner has to process. */
  readonly selections: number;
}

/** A few errors tell the client what to fix; a hundred would only be work for the gateway. */
const MAX_VALIDATION_ERRORS = 5;

/**
 * @throws {InvalidOperation} when the text is not GraphQL, or not for this schema
 * @throws {AppError} QUERY_TOO_COMPLEX when it exceeds a limit
 */
export function readDocument(text: string, schema: GraphQLSchema, limits: DocumentLimits): ValidDocument {
  // Only error messages need the locations of nodes.
  const document = parseWithin(text, limits);
  const size = expandedSize(document);
  const excess = excessOf(size, limits);
  if (excess) throw refuseExcess(excess);
  if (findErrors(document, schema, limits).length > 0) {
    const located = parse(text);
    const errors = findErrors(located, schema, limits);
    nameArguments(errors, located);
    throw new InvalidOperation(errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED')));
  }
  return { document, selections: size.selections };
}

function findErrors(
  document: DocumentNode,
  schema: GraphQLSchema,
  { INTROSPECTION }: DocumentLimits,
): readonly GraphQLError[] {
  const rules = INTROSPECTION ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  return validate(schema, document, rules, {
    maxErrors: MAX_VALIDATION_ERRORS,
    hideSuggestions: !INTROSPECTION,
  });
}

function parseWithin(text: string, limits: DocumentLimits): DocumentNode {
  try {
    return parse(text, { maxTokens: limits.MAX_TOKENS, noLocation: true });
  } catch (error) {
    const excess = excessOfParsing(limits, error);
    if (excess) throw refuseExcess(excess);
    if (error instanceof GraphQLError) throw new InvalidOperation([withCode(error, 'GRAPHQL_PARSE_FAILED')]);
    throw error;
  }
}

/** The limit at which the parser stopped: graphql-js has no error code for it. (The misspelt word is theirs.) */
function excessOfParsing({ MAX_TOKENS, MAX_DEPTH }: DocumentLimits, error: unknown): Excess | undefined {
  if (!(error instanceof Error)) return undefined;
  if (/contains more tha[nt] \d+ tokens/.test(error.message))
    return { limit: 'tokens', allowed: MAX_TOKENS, actual: undefined };
  // The recursion of the parser has filled the stack, far beyond any depth that could be allowed.
  if (error.name === 'RangeError') return { limit: 'depth', allowed: MAX_DEPTH, actual: undefined };
  return undefined;
}

function excessOf(
  { selections, conditions }: ReturnType<typeof expandedSize>,
  { MAX_SELECTIONS, MAX_CONDITIONS }: DocumentLimits,
): Excess | undefined {
  if (selections > MAX_SELECTIONS)
    return { limit: 'selections', allowed: MAX_SELECTIONS, actual: selections };
  if (conditions > MAX_CONDITIONS)
    return { limit: 'conditions', allowed: MAX_CONDITIONS, actual: conditions };
  return undefined;
}

/** An operation that can be executed. */
export interface RunnableOperation {
  readonly node: OperationDefinitionNode;
  readonly type: 'query' | 'mutation';
}

/** @throws {GraphQLError} unless the document has exactly one operation (of that name) and it is no subscription */
export function chooseOperation(document: DocumentNode, name: string | undefined): RunnableOperation {
  const node = getOperationAST(document, name);
  const type = node?.operation;
  if (node && type !== undefined && type !== OperationTypeNode.SUBSCRIPTION) return { node, type };
  const which =
    name === undefined
      ? 'exactly one query or mutation'
      : `a query or mutation named ${JSON.stringify(name)}`;
  throw new GraphQLError(`Expected a document with ${which}.`, {
    extensions: { code: 'BAD_REQUEST', http: { status: 400 } },
  });
}
