// Compiles a query plan: which fetches run in sequence or in parallel, and where in the reply their results belong.
import type { PlanNode } from '@apollo/query-planner';
import type { GraphQLSchema } from 'graphql';
import type { Path } from './errors.ts';
import { compileFetch, type Step } from './fetch.ts';
import { isJsonObject, type JsonObject, memberOf } from './members.ts';

export function compilePlan(node: PlanNode, supergraph: GraphQLSchema, within: Path = []): Step {
  const compile = (inner: PlanNode) => compilePlan(inner, supergraph, within);
  switch (node.kind) {
    case 'Fetch':
      return compileFetch({ node, supergraph, within });
    case 'Sequence':
      return inSequence(node.nodes.map(compile));
    case 'Parallel':
      return inParallel(node.nodes.map(compile));
    case 'Flatten':
      return at(node.path, compilePlan(node.node, supergraph, [...within, ...node.path]));
    case 'Condition': {
      const yes = node.ifClause && compile(node.ifClause);
      const no = node.elseClause && compile(node.elseClause);
      return async (execution, objects) => {
        const isMet = memberOf(execution.run.coerced, node.condition) === true;
        await (isMet ? yes : no)?.(execution, objects);
      };
    }
    case 'Defer':
      throw new Error('a plan without @defer is expected');
  }
}

/** The texts of all fetches. */
export function operationsOf(node: PlanNode): string[] {
  switch (node.kind) {
    case 'Fetch':
      return [node.operation];
    case 'Sequence':
    case 'Parallel':
      return node.nodes.flatMap(operationsOf);
    case 'Flatten':
      return operationsOf(node.node);
    case 'Condition':
      return [node.ifClause, node.elseClause].flatMap((clause) => (clause ? operationsOf(clause) : []));
    case 'Defer':
      return [];
  }
}

/** Runs steps in sequence. A step reports its own failure, and the next step runs all the same, as for fields of a mutation. */
function inSequence(steps: readonly Step[]): Step {
  return async (execution, objects) => {
    for (const step of steps) await step(execution, objects);
  };
}

function inParallel(steps: readonly Step[]): Step {
  return async (execution, objects) => {
    await Promise.all(steps.map((step) => step(execution, objects)));
  };
}

function at(path: Path, step: Step): Step {
  return async (execution, objects) => {
    const found: JsonObject[] = [];
    for (const object of objects ?? [execution.data]) addObjectsAt(path, 0, object, found);
    if (found.length > 0) await step(execution, found);
  };
}

/** Adds the objects at the path to `found`. Data of another kind than the path expects give no objects. */
function addObjectsAt(path: Path, depth: number, value: unknown, found: JsonObject[]): void {
  const step = path[depth];
  if (step === '@') {
    if (Array.isArray(value)) for (const item of value) addObjectsAt(path, depth + 1, item, found);
  } else if (isJsonObject(value)) {
    if (step === undefined) found.push(value);
    else addObjectsAt(path, depth + 1, memberOf(value, String(step)), found);
  }
}
