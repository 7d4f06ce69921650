// Executes a planned operation: everything that follows from the operation and its plan is computed once, and what is
// left for a request is to call the subgraphs, to merge their replies and to check and shape the result.
import { isPlanNode, type QueryPlan } from '@apollo/query-planner';
import type { GraphQLError, GraphQLSchema } from 'graphql';
import { byConditions, variablesOfConditions } from './conditions.ts';
import { namesIn } from './errors.ts';
import type { Execution } from './fetch.ts';
import { compilePlan, operationsOf } from './plan.ts';
import type { ReadOperation } from './plannable.ts';
import { compileShape } from './shape.ts';
import type { Run } from './subgraph-call.ts';
import type { Shaping } from './values.ts';

export { byConditions } from './conditions.ts';
export { type OperationIn, plannable, type ReadOperation } from './plannable.ts';
export type * from './subgraph-call.ts';

export interface Executed {
  data: Record<string, unknown> | null;
  errors?: GraphQLError[];
}

export type Execute = (run: Run) => Promise<Executed>;

export interface Compilable {
  /** What clients see. */
  readonly schema: GraphQLSchema;
  /** The whole supergraph, with what clients do not see. */
  readonly supergraphSchema: GraphQLSchema;
  readonly read: ReadOperation;
  /** As the planner's thread gives it; undefined when only introspection was asked. */
  readonly plan: QueryPlan | undefined;
  /** Told how many members of the reply are known more: conditions and the types of objects can add some later. */
  readonly onMembers?: (count: number) => void;
}

export function compileExecution({
  schema,
  supergraphSchema,
  read,
  plan,
  onMembers = () => undefined,
}: Compilable): Execute {
  const node = isPlanNode(plan?.node) ? plan.node : undefined;
  const step = node && compilePlan(node, supergraphSchema);
  const names = variablesOfConditions(read().document);
  // The planner leaves out what conditions exclude, so with conditions by variables a member that is absent says nothing.
  const texts = node && names.length === 0 ? operationsOf(node) : [];
  const shaped = { schema, supergraphSchema, read };
  const shapeFor = byConditions(names, (conditions, isKept) =>
    compileShape({ ...shaped, conditions, onMembers: isKept ? onMembers : () => undefined }),
  );
  return async (run) => {
    const execution: Execution = {
      run,
      data: undefined,
      errors: [],
      isDataLost: false,
      unknown: new Map(),
    };
    await step?.(execution, undefined);
    const { errors: reported, unknown, isDataLost } = execution;
    const shaping: Shaping = {
      variables: run.variables,
      path: [],
      reported,
      isDataLost,
      found: [],
      unknown,
      unknownAbove: [],
      fetched: namesIn(texts),
    };
    const data = shapeFor(run.coerced)(execution.data ?? {}, shaping);
    const errors = [...reported, ...shaping.found];
    return errors.length === 0 ? { data } : { errors, data };
  };
}
