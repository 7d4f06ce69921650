// One operation: all that follows from its text and the supergraph alone, computed once and kept for the requests that
// come with the same text.
import { labelledCounter } from '@holdfast/platform/metrics';
import { type DocumentNode, GraphQLError, parse, print } from 'graphql';
import { compileExecution, type Execute, plannable } from '../federation/execution/execution.ts';
import type { Planner } from '../federation/planner.ts';
import type { PlannedQuery } from '../federation/planning-queue.ts';
import { type CheckBounds, compileBounds, type GraphLimits } from './bounds.ts';
import { chooseOperation, type ValidDocument } from './document.ts';
import type { Graph } from './graph.ts';
import { measure } from './measure.ts';
import { bytesOfOperation, type Grown } from './memory.ts';
import type { OperationOf } from './null-variables.ts';
import { compileRootFields, type FindRootFields } from './root-calls.ts';
import { type RootField, textOf } from './root-fields.ts';
import { type CoerceVariables, compileCoercion } from './variables.ts';

export interface Operation {
  readonly type: 'query' | 'mutation';
  /** As the document names it. */
  readonly name: string | undefined;
  readonly coerce: CoerceVariables;
  readonly checkBounds: CheckBounds;
  readonly rootFields: FindRootFields;
  /** The text of the operation with these root fields only. */
  textOf(fields: readonly RootField[]): string;
  /**
   * The compiled execution; planned when it is asked for first, because planning is the dearest of all steps.
   * @param deadlineAt when a plan is of no use to the request any more, ms since the epoch
   * @throws {AppError} QUERY_TOO_COMPLEX when planning takes too long, SERVICE_UNAVAILABLE when too much waits for it
   * @throws {SupergraphChanged}
   */
  plan(deadlineAt: number): Execute | Promise<Execute>;
  /** How many bytes the operation takes beside its document, as an estimate. */
  readonly bytes: number;
}

export interface OperationSettings extends GraphLimits {
  readonly INTROSPECTION: boolean;
}

/** A new supergraph came while the operation was planned: it is to be looked up again. */
export class SupergraphChanged extends Error {
  override readonly name = 'SupergraphChanged';
}

export interface Compiling {
  readonly graph: Graph;
  readonly planner: Planner;
  readonly settings: OperationSettings;
  /** Told when the operation has become larger. */
  readonly onGrown: () => void;
}

const countLookUp = labelledCounter({
  name: 'graphql_query_plan_cache_total',
  help: 'Operations whose plan was at hand (hit) or had to be made (miss).',
  label: 'result',
  values: ['hit', 'miss'],
});

/**
 * @param name which operation of the document, when it has several
 * @throws {GraphQLError} unless the document has exactly one such operation
 */
export function compileOperation(
  text: string,
  valid: ValidDocument,
  name: string | undefined,
  compiling: Compiling,
): Operation {
  const { graph, settings } = compiling;
  const { schema } = graph;
  const { document } = valid;
  const { node, type } = chooseOperation(document, name);
  const of: OperationOf = { schema, document, operation: node };
  const locate = (): OperationOf => {
    const located = parse(text);
    return { schema, document: located, operation: chooseOperation(located, name).node };
  };
  const execution = createExecution(of, { name, selections: valid.selections }, compiling);
  const operation: Operation = {
    type,
    name: node.name?.value,
    coerce: compileCoercion(of, locate, { suggestions: settings.INTROSPECTION }),
    checkBounds: compileBounds(settings, measure(schema, graph.weights, document, node)),
    rootFields: compileRootFields(of),
    textOf: (fields) => textOf(document, node, fields),
    plan: execution.plan,
    get bytes() {
      return bytesOfOperation(valid, execution.grown());
    },
  };
  return operation;
}

/** For requests that may only read (GET). @throws {GraphQLError} 405 when the operation is a mutation */
export function requireQuery({ type }: Operation): void {
  if (type === 'query') return;
  throw new GraphQLError('A mutation is expected by POST, got GET.', {
    extensions: { code: 'BAD_REQUEST', http: { status: 405 } },
  });
}

interface Source {
  readonly name: string | undefined;
  readonly selections: number;
}

function createExecution(
  of: OperationOf,
  { name, selections }: Source,
  { graph, planner, onGrown }: Compiling,
) {
  let execute: Execute | undefined;
  let planSize: number | undefined;
  let shapes = 0;
  const onShape = (): void => {
    shapes += 1;
    // Shapes of the compilation itself are told of together with it.
    if (execute) onGrown();
  };

  function compile(planned: PlannedQuery | undefined): Execute {
    if (execute) return execute;
    if (planned && planned.supergraphSdl !== graph.sdl) throw new SupergraphChanged();
    planSize = planned?.size ?? 0;
    const { supergraphSchema } = graph;
    execute = compileExecution({ ...of, supergraphSchema, plan: planned?.plan, onShape });
    onGrown();
    return execute;
  }

  function plan(deadlineAt: number): Execute | Promise<Execute> {
    if (execute) {
      countLookUp('hit');
      return execute;
    }
    const rest: DocumentNode | undefined = plannable(of.document, of.operation);
    if (rest === undefined) return compile(undefined);
    countLookUp('miss');
    const asked = { text: print(rest), name, selections, deadlineAt };
    return planner.plan(asked).then(compile);
  }

  return { plan, grown: (): Grown => ({ planSize, shapes }) };
}
