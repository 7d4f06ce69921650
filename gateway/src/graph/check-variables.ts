// The variables of an operation, checked once, before anything is planned or any subgraph is asked. Everything behind
// this has values that fit their types.
import { AppError } from '@holdfast/platform/errors';
import { type ASTNode, GraphQLError, getVariableValues } from 'graphql';
import type { CheckedExecutor, Execution, Executor, Variables } from './executor.ts';
import { findNulls } from './null-variables.ts';

/** One error says what to mend; graphql-js writes the whole value into each, and a body has room for a thousand. */
const MAX_ERRORS = 5;

/** Apollo's gateway gives this name to a variable of its own in what it sends to subgraphs, and throws at another. */
const RESERVED = 'representations';

export interface VariableOptions {
  /** Whether errors may suggest names of the schema. */
  readonly suggestions: boolean;
}

/** Executes what has good variables. Otherwise the first faults are the reply, and nothing is executed. */
export function checkVariables(next: CheckedExecutor, { suggestions }: VariableOptions): Executor {
  return async (execution) => {
    const { coerced, errors } = getVariableValues(
      execution.schema,
      execution.operation.variableDefinitions ?? [],
      execution.request.variables ?? {},
      { maxErrors: MAX_ERRORS, hideSuggestions: !suggestions },
    );
    const faults = errors ?? findFaults(execution, coerced);
    // The one after the last says that there are more, in words that are not for callers.
    if (coerced === undefined || faults.length > 0) return { errors: faults.slice(0, MAX_ERRORS) };
    return next({ ...execution, coerced });
  };
}

/** What is wrong with variables whose values fit their types. */
function findFaults(execution: Execution, coerced: Variables): GraphQLError[] {
  const reserved = (execution.operation.variableDefinitions ?? [])
    .filter(({ variable }) => variable.name.value === RESERVED)
    .map((node) => variableFault(`Variable "$${RESERVED}" is expected to have another name.`, node));
  const nulls = findNulls(execution, coerced).map(({ node, type }) =>
    variableFault(
      `Variable "$${node.name.value}" must not be null: a value of type "${type}" is expected.`,
      node,
    ),
  );
  return [...reserved, ...nulls];
}

function variableFault(message: string, node: ASTNode): GraphQLError {
  const { extensions } = new AppError('BAD_USER_INPUT', message);
  return new GraphQLError(message, { nodes: node, extensions });
}
