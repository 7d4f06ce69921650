// Executes a planned operation: everything that follows from the operation and its plan is computed once, and what is
// left for a request is to call the subgraphs, to merge their replies and to check and shape the result.
import { isPlanNode, type QueryPlan } from '@apollo/query-planner';
import {
  BREAK,
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  visit,
} from 'graphql';
import { compileShapes } from './conditions.ts';
import { namesIn } from './faults.ts';
import type { Execution } from './fetch.ts';
import { compilePlan, operationsOf } from './plan.ts';
import type { Run } from './subgraph-call.ts';
import type { Shaping } from './values.ts';

export { plannable } from './plannable.ts';
export type * from './subgraph-call.ts';

export interface Executed {
  data: Record<string, unknown> | null;
  errors?: GraphQLError[];
}

/** Whether variables decide what is asked for. */
const hasConditions = (document: DocumentNode): boolean => {
  let found = false;
  visit(document, {
    Directive: ({ arguments: given = [] }) => {
      found = given.some(({ value }) => value.kind === Kind.VARIABLE);
      return found ? BREAK : undefined;
    },
  });
  return found;
};

export type Execute = (run: Run) => Promise<Executed>;

export interface Compilable {
  /** What clients see. */
  readonly schema: GraphQLSchema;
  /** The whole supergraph, with what clients do not see. */
  readonly supergraphSchema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** As the planner's thread gives it; undefined when only introspection was asked. */
  readonly plan: QueryPlan | undefined;
  /** Told of each shape of the reply that is kept: conditions can make several. */
  readonly onShape?: () => void;
}

export function compileExecution({
  schema,
  supergraphSchema,
  document,
  operation,
  plan,
  onShape = () => undefined,
}: Compilable): Execute {
  const node = isPlanNode(plan?.node) ? plan.node : undefined;
  const step = node && compilePlan(node, supergraphSchema);
  // The planner leaves out what conditions exclude, so with conditions by variables a member that is absent says nothing.
  const fetched = namesIn(node && !hasConditions(document) ? operationsOf(node) : []);
  const shapeFor = compileShapes({ schema, supergraphSchema, document, operation, onShape });
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
      fetched,
    };
    const data = shapeFor(run.coerced)(execution.data ?? {}, shaping);
    const errors = [...reported, ...shaping.found];
    return errors.length === 0 ? { data } : { errors, data };
  };
}
