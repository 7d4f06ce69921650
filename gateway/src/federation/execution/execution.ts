// Executes a planned operation. The operation and its plan are compiled once. A request then only calls the subgraphs, merges
// their replies, and checks and shapes the result.
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
  /** The schema that clients see. */
  readonly schema: GraphQLSchema;
  /** The whole supergraph, with the types and fields that clients do not see. */
  readonly supergraphSchema: GraphQLSchema;
  readonly read: ReadOperation;
  /** The plan of the planner's thread; undefined when the operation requests introspection only. */
  readonly plan: QueryPlan | undefined;
  /** Receives how many members of the reply were added: conditions and types of objects can add members later. */
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
  // The planner leaves out what conditions exclude, so with conditions on variables a member may be absent without an error.
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
