// One compiled operation: everything that depends only on its text and the supergraph, computed once for all requests with
// the same text.
import { labelledCounter } from '@holdfast/platform/observability/metrics';
import { GraphQLError, type ParseOptions, parse, print } from 'graphql';
import { compileExecution, type Execute, plannable } from '../federation/execution/execution.ts';
import type { Planner } from '../federation/planner.ts';
import type { PlannedQuery } from '../federation/planning-queue.ts';
import { type CheckBounds, compileBounds, type GraphLimits } from './bounds.ts';
import { chooseOperation, type ValidDocument } from './document.ts';
import type { Graph } from './graph.ts';
import { measure } from './measure.ts';
import { bytesOfOperation, type Grown, initialSize } from './memory.ts';
import type { OperationOf } from './null-variables.ts';
import { compileRootFields, type FindRootFields } from './root-calls.ts';
import { type CoerceVariables, compileCoercion } from './variables.ts';

export interface Operation {
  readonly type: 'query' | 'mutation';
  /** The name in the document. */
  readonly name: string | undefined;
  readonly coerce: CoerceVariables;
  readonly checkBounds: CheckBounds;
  readonly rootFields: FindRootFields;
  /**
   * The compiled execution. The first call makes the plan, because planning is the most expensive step.
   * @param deadlineAt the deadline of the request, ms since the epoch
   * @throws {AppError} QUERY_TOO_COMPLEX when planning takes too long, SERVICE_UNAVAILABLE when too many operations wait
   * @throws {SupergraphChanged}
   */
  plan(deadlineAt: number): Execute | Promise<Execute>;
  /** An estimate of the bytes that the operation takes in addition to its text. */
  bytes(): number;
}

export interface OperationSettings extends GraphLimits {
  readonly INTROSPECTION: boolean;
}

/** A new supergraph arrived while the operation was planned, so the operation must be looked up again. */
export class SupergraphChanged extends Error {
  override readonly name = 'SupergraphChanged';
}

export interface Compiling {
  readonly graph: Graph;
  readonly planner: Planner;
  readonly settings: OperationSettings;
  /** Called when the operation has become larger. */
  readonly onGrown: () => void;
}

const countLookUp = labelledCounter({
  name: 'graphql_query_plan_cache_total',
  help: 'Operations whose plan was at hand (hit) or had to be made (miss).',
  label: 'result',
  values: ['hit', 'miss'],
});

/**
 * Compiles an operation. A document takes several times the memory of what is computed from it, so an operation keeps its
 * text only, and parses it again for rare needs, once for each request.
 * @param name the operation, when the document has several
 * @throws {GraphQLError} unless the document has exactly one such operation
 */
export function compileOperation(
  text: string,
  { document, selections }: ValidDocument,
  name: string | undefined,
  compiling: Compiling,
): Operation {
  const { graph, settings, onGrown } = compiling;
  const { schema } = graph;
  const { node, type } = chooseOperation(document, name);
  const locate = (options?: ParseOptions): OperationOf => {
    const again = parse(text, options);
    return { schema, document: again, operation: chooseOperation(again, name).node };
  };
  let latest = new WeakRef<OperationOf>({ schema, document, operation: node });
  const read = (): OperationOf => {
    const known = latest.deref();
    if (known) return known;
    const again = locate({ noLocation: true });
    latest = new WeakRef(again);
    return again;
  };
  const measured = measure(schema, graph.weights, document, node);
  const grown = initialSize(node, measured);
  const grow = (what: 'rootFields' | 'members') => (count: number) => {
    grown[what] += count;
    onGrown();
  };
  return {
    type,
    name: node.name?.value,
    coerce: compileCoercion({ schema, document, operation: node }, locate, {
      suggestions: settings.INTROSPECTION,
    }),
    checkBounds: compileBounds(settings, measured),
    rootFields: compileRootFields(read, grow('rootFields')),
    plan: compileWhenAsked({ read, name, selections, grown, onMembers: grow('members') }, compiling),
    bytes: () => bytesOfOperation(grown),
  };
}

/** Checks a request that may only read (GET). @throws {GraphQLError} 405 when the operation is a mutation */
export function requireQuery({ type }: Operation): void {
  if (type === 'query') return;
  throw new GraphQLError('A mutation is expected by POST, got GET.', {
    extensions: { code: 'BAD_REQUEST', http: { status: 405 } },
  });
}

interface Planning {
  readonly read: () => OperationOf;
  readonly name: string | undefined;
  readonly selections: number;
  readonly grown: Grown;
  readonly onMembers: (count: number) => void;
}

function compileWhenAsked(
  { read, name, selections, grown, onMembers }: Planning,
  { graph, planner, onGrown }: Compiling,
): Operation['plan'] {
  let execute: Execute | undefined;

  function compile(planned: PlannedQuery | undefined): Execute {
    if (execute) return execute;
    if (planned && planned.supergraphSdl !== graph.sdl) throw new SupergraphChanged();
    const { schema, supergraphSchema } = graph;
    execute = compileExecution({ schema, supergraphSchema, read, plan: planned?.plan, onMembers });
    grown.planSize = planned?.size ?? 0;
    onGrown();
    return execute;
  }

  return (deadlineAt) => {
    if (execute) {
      countLookUp('hit');
      return execute;
    }
    const rest = plannable(read());
    if (rest === undefined) return compile(undefined);
    countLookUp('miss');
    return planner.plan({ text: print(rest), name, selections, deadlineAt }).then(compile);
  };
}
