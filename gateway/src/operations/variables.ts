// The variables of an operation: checked and coerced once, before anything is planned or any subgraph is asked.
// Everything behind this has values that fit their types.
import { AppError } from '@holdfast/platform/errors';
import {
  type ASTNode,
  GraphQLError,
  type GraphQLSchema,
  getVariableValues,
  isNonNullType,
  typeFromAST,
  type VariableDefinitionNode,
} from 'graphql';
import { InvalidOperation, withCode } from './invalid-operation.ts';
import { findNulls, type OperationOf, variablesThatNeedValues } from './null-variables.ts';
import type { Variables } from './root-fields.ts';

/** One error says what to mend; graphql-js writes the whole value into each, and a body has room for a thousand. */
const MAX_ERRORS = 5;

/** Apollo's planner gives this name to a variable of its own in what it sends to subgraphs. */
const RESERVED = 'representations';
/** graphql-js loses a value of this name: in a plain object it is no member. */
const LOST = '__proto__';

export interface VariableOptions {
  /** Whether errors may suggest names of the schema. */
  readonly suggestions: boolean;
}

/**
 * The values by the variables' names, with defaults, as graphql-js coerces them.
 * @throws {InvalidOperation} with the first errors
 */
export type CoerceVariables = (given: Variables) => Variables;

const NONE: Variables = Object.freeze({});

/** @param locate gives the same operation with the places of its nodes, which errors say */
export function compileCoercion(
  of: OperationOf,
  locate: () => OperationOf,
  { suggestions }: VariableOptions,
): CoerceVariables {
  const { schema } = of;
  // Of the document, closures hold these nodes and no others; a copy of a list has no room to grow.
  const definitions = (of.operation.variableDefinitions ?? []).slice();
  if (definitions.length === 0) return takeNone;
  if (definitions.some(isNamed(RESERVED))) return () => refuseName(RESERVED, locate());
  const isLost = definitions.some(isNamed(LOST));
  const plain = definitions.map((definition) => plainVariable(schema, definition));
  const needed = [...variablesThatNeedValues(of)];
  return (given) => {
    const taken = takePlain(plain, given);
    if (taken) return taken;
    if (isLost) return refuseName(LOST, locate());
    const options = { maxErrors: MAX_ERRORS, hideSuggestions: !suggestions };
    const { coerced } = getVariableValues(schema, definitions, given, options);
    if (coerced === undefined) throw invalid(locate(), given, options);
    const isNull = needed.some((name) => coerced[name] === null);
    const nulls = isNull ? findNulls(locate(), coerced) : [];
    if (nulls.length > 0) throw new InvalidOperation(nulls.slice(0, MAX_ERRORS).map(nullError));
    return coerced;
  };
}

const takeNone: CoerceVariables = () => NONE;

const isNamed =
  (name: string) =>
  ({ variable }: VariableDefinitionNode): boolean =>
    variable.name.value === name;

function refuseName(name: string, { operation }: OperationOf): never {
  const message = `Variable "$${name}" is expected to have another name.`;
  const refused = (operation.variableDefinitions ?? []).filter(isNamed(name));
  throw new InvalidOperation(refused.map((node) => variableError(message, node)));
}

/** A variable whose value may be of a kind that needs no coercion. */
interface PlainVariable {
  readonly name: string;
  /** Whether graphql-js takes this value as it is. Undefined when only graphql-js can tell. */
  readonly isPlain: ((value: unknown) => boolean) | undefined;
  /** Whether the variable may be absent, and is absent then. */
  readonly isOptional: boolean;
}

const MAX_INT = 2 ** 31;
const isInt = (value: unknown) =>
  Number.isInteger(value) && typeof value === 'number' && value >= -MAX_INT && value < MAX_INT;
const isText = (value: unknown) => typeof value === 'string';
/** By the name of a scalar: the values that graphql-js gives back unchanged. */
const PLAIN: Readonly<Record<string, (value: unknown) => boolean>> = {
  ID: isText,
  String: isText,
  Int: isInt,
  Boolean: (value) => typeof value === 'boolean',
};

function plainVariable(schema: GraphQLSchema, definition: VariableDefinitionNode): PlainVariable {
  const type = typeFromAST(schema, definition.type);
  const isRequired = isNonNullType(type);
  const name = String(isRequired ? type.ofType : type);
  return {
    name: definition.variable.name.value,
    isPlain: Object.hasOwn(PLAIN, name) ? PLAIN[name] : undefined,
    isOptional: !isRequired && definition.defaultValue === undefined,
  };
}

/** The values, when each of them is plain: most requests. Undefined when graphql-js has to look. */
function takePlain(plain: readonly PlainVariable[], given: Variables): Variables | undefined {
  // Without a prototype, so that `__proto__` is a name like any other.
  const taken: Record<string, unknown> = Object.create(null);
  for (const { name, isPlain, isOptional } of plain) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value === undefined && isOptional) continue;
    if (isPlain === undefined || !isPlain(value)) return undefined;
    taken[name] = value;
  }
  return taken;
}

function invalid(
  { schema, operation }: OperationOf,
  given: Variables,
  options: NonNullable<Parameters<typeof getVariableValues>[3]>,
): InvalidOperation {
  const { errors = [] } = getVariableValues(schema, operation.variableDefinitions ?? [], given, options);
  // The error after the last says that there are more, in words that are not for callers.
  return new InvalidOperation(errors.slice(0, MAX_ERRORS).map((error) => withCode(error, 'BAD_USER_INPUT')));
}

const nullError = ({ node, type }: ReturnType<typeof findNulls>[number]): GraphQLError =>
  variableError(
    `Variable "$${node.name.value}" must not be null: a value of type "${type}" is expected.`,
    node,
  );

function variableError(message: string, node: ASTNode): GraphQLError {
  const { extensions } = new AppError('BAD_USER_INPUT', message);
  return new GraphQLError(message, { nodes: node, extensions });
}
