// The gateway's executor behind the limits: root fields that are too many are taken out before anything is planned or
// any subgraph is asked. GraphQL and REST both execute here, and so share the counts.
import { AppError } from '@holdfast/platform/errors';
import type { HttpRequest } from '@holdfast/platform/http';
import type { Viewer } from '@holdfast/platform/viewer';
import {
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLObjectType,
  getArgumentValues,
  isNonNullType,
  OperationTypeNode,
} from 'graphql';
import {
  type CheckedExecution,
  type CheckedExecutor,
  type ExecutionResult,
  inOrder,
  partOf,
  type Variables,
} from '../graph/executor.ts';
import { metaField } from '../graph/measure.ts';
import type { Decision, Refusal, RootCall } from './limiter.ts';
import { fragmentsOf, type RootField, rootFieldsOf } from './root-fields.ts';

/** Decides about the calls of a request, whoever it is from. */
export type Decide = (request: HttpRequest, viewer: Viewer, calls: readonly RootCall[]) => Promise<Decision>;

/** Executes nothing that `decide` refuses. */
export function limitExecutor(next: CheckedExecutor, decide: Decide): CheckedExecutor {
  return async (execution) => {
    const { schema, operation, document, coerced: variables } = execution;
    const fragments = fragmentsOf(document);
    const fields = rootFieldsOf(operation, fragments, variables);
    const type = schema.getRootType(operation.operation);
    if (!type) return next(execution);
    const calls = callsOf({ type, fields, fragments, variables }, execution);
    const request: HttpRequest = execution.context['request'];
    const viewer: Viewer = execution.context['viewer'];
    const { refusals } = await decide(request, viewer, calls);
    if (refusals.size === 0) return next(execution);
    return executeRest({ fields, calls, refusals }, next, execution);
  };
}

interface Operation {
  readonly type: GraphQLObjectType;
  readonly fields: readonly RootField[];
  readonly fragments: Record<string, FragmentDefinitionNode>;
  readonly variables: Variables;
}

/** What counts of an operation: introspection too, which is work for the gateway itself, and `__typename` not. */
function callsOf(of: Operation, execution: CheckedExecution): RootCall[] {
  const definitions = of.type.getFields();
  return of.fields.flatMap((field) => {
    const definition = definitions[field.name] ?? metaField(field.name);
    return definition ? [callOf(field, definition, of, execution)] : [];
  });
}

/** The call as the field's resolver would see it, if the gateway had resolvers. */
function callOf(
  { responseName, name, nodes }: RootField,
  definition: GraphQLField<unknown, unknown>,
  { type, fragments, variables }: Operation,
  { schema, operation }: CheckedExecution,
): RootCall {
  const [node] = nodes;
  return {
    responseName,
    args: node ? getArgumentValues(definition, node, variables) : {},
    info: {
      fieldName: name,
      fieldNodes: nodes,
      returnType: definition.type,
      parentType: type,
      path: { prev: undefined, key: responseName, typename: type.name },
      schema,
      fragments,
      rootValue: undefined,
      operation,
      variableValues: variables,
    },
  };
}

interface Decided {
  readonly fields: readonly RootField[];
  readonly calls: readonly RootCall[];
  readonly refusals: ReadonlyMap<string, Refusal>;
}

/**
 * Executes what was not refused. Nothing is executed when the caller would not see it: a refused field that cannot be
 * null makes the whole `data` null. And a mutation is executed whole or not at all.
 */
async function executeRest(
  { fields, calls, refusals }: Decided,
  next: CheckedExecutor,
  execution: CheckedExecution,
): Promise<ExecutionResult> {
  const isRefused = ({ responseName }: { responseName: string }) => refusals.has(responseName);
  const isWhole =
    execution.operation.operation === OperationTypeNode.MUTATION ||
    calls.some((call) => isRefused(call) && isNonNullType(call.info.returnType));
  const isAnythingLeft = !isWhole && !calls.every(isRefused);
  const errors = [...refusals].map(([name, refusal]) => errorOf(name, refusal, isAnythingLeft));
  if (isWhole) return { data: null, errors };
  const rest = fields.filter((field) => !isRefused(field));
  const result: ExecutionResult = rest.length > 0 ? await next(partOf(execution, rest)) : { data: {} };
  const { data } = result;
  return {
    ...result,
    ...(data && { data: inOrder(fields, data) }),
    errors: [...(result.errors ?? []), ...errors],
  };
}

/** With something left the reply is partial data, and so 200; with nothing it is 429. */
function errorOf(
  responseName: string,
  { message, retryAfter }: Refusal,
  isAnythingLeft: boolean,
): GraphQLError {
  const fault = new AppError('RATE_LIMITED', message, { details: { retryAfter } });
  return new GraphQLError(message, {
    originalError: fault,
    path: [responseName],
    extensions: { ...fault.extensions, ...(!isAnythingLeft && { http: { status: 429 } }) },
  });
}
