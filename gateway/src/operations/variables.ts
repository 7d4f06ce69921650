// Checks and coerces the variables of an operation once, before it is planned or sent to a subgraph. All later steps work with
// values that fit their types.
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

/** A few errors tell the client what to fix. graphql-js writes the whole value into each, and a body may cause thousands. */
const MAX_ERRORS = 5;

/** The planner uses this name for its own variable in the operations for subgraphs. */
const RESERVED = 'representations';
/** graphql-js loses a variable of this name, because assigning `__proto__` to a plain object creates no member. */
const LOST = '__proto__';

export interface VariableOptions {
  /** Whether errors may suggest names of the schema. */
  readonly suggestions: boolean;
}

/**
 * Coerces the variables like graphql-js, with defaults.
 * @throws {InvalidOperation} with the first errors
 */
export type CoerceVariables = (given: Variables) => Variables;

const NONE: Variables = Object.freeze({});

/** @param locate reads the same operation with the locations of its nodes, for errors */
export function compileCoercion(
  of: OperationOf,
  locate: () => OperationOf,
  { suggestions }: VariableOptions,
): CoerceVariables {
  const { schema } = of;
  // Closures keep only these nodes of the document. `slice` gives an array without spare capacity, which takes less memory.
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

/** A variable whose value may need no coercion. */
interface PlainVariable {
  readonly name: string;
  /** Whether graphql-js would keep this value unchanged. Undefined when only graphql-js can decide. */
  readonly isPlain: ((value: unknown) => boolean) | undefined;
  /** Whether the variable may be absent, without a default. */
  readonly isOptional: boolean;
}

const MAX_INT = 2 ** 31;
const isInt = (value: unknown) =>
  Number.isInteger(value) && typeof value === 'number' && value >= -MAX_INT && value < MAX_INT;
const isText = (value: unknown) => typeof value === 'string';
/** By the name of a scalar: whether graphql-js would keep a value unchanged. */
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

/** Takes the values when none needs coercion, as in most requests; otherwise gives undefined. */
function takePlain(plain: readonly PlainVariable[], given: Variables): Variables | undefined {
  // An object without a prototype, in which `__proto__` is a name like any other.
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
  // Drop the error that graphql-js adds after the last one, because its message is not meant for callers.
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
