// The gateway's executor behind the limits: root fields that are too many are taken out before anything is planned or
// any subgraph is asked. GraphQL and REST both execute here, and so share the counts.
import { createHash } from 'node:crypto';
import type { ApolloServerOptionsWithGateway } from '@apollo/server';
import { AppError } from '@holdfast/platform/errors';
import type { RequestContext } from '@holdfast/platform/graphql';
import type { HttpRequest } from '@holdfast/platform/http';
import type { Viewer } from '@holdfast/platform/viewer';
import {
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLObjectType,
  getArgumentValues,
  getVariableValues,
  isNonNullType,
  OperationTypeNode,
  print,
} from 'graphql';
import { metaField } from '../graph/measure.js';
import type { Decision, Refusal, RootCall } from './limiter.js';
import { fragmentsOf, onlyFields, type RootField, rootFieldsOf } from './root-fields.js';

/** What Apollo Server takes for a gateway. */
export type LimitableGateway = ApolloServerOptionsWithGateway<RequestContext>['gateway'];
type Executor = NonNullable<Awaited<ReturnType<LimitableGateway['load']>>['executor']>;
type ExecutorContext = Parameters<Executor>[0];
type Result = Awaited<ReturnType<Executor>>;

/** Decides about the calls of a request, whoever it is from. */
export type Decide = (request: HttpRequest, viewer: Viewer, calls: readonly RootCall[]) => Promise<Decision>;

/** A gateway that executes nothing that `decide` refuses. */
export function limitGateway(gateway: LimitableGateway, decide: Decide): LimitableGateway {
  return {
    load: async (options) => {
      const { executor } = await gateway.load(options);
      return { executor: executor && ((context) => executeLimited(executor, decide, context)) };
    },
    onSchemaLoadOrUpdate: (callback) => gateway.onSchemaLoadOrUpdate(callback),
    stop: () => gateway.stop(),
  };
}

type Variables = Record<string, unknown>;

async function executeLimited(executor: Executor, decide: Decide, context: ExecutorContext): Promise<Result> {
  const { schema, operation, document } = context;
  const variables = getVariableValues(
    schema,
    operation.variableDefinitions ?? [],
    context.request.variables ?? {},
  );
  // The executor refuses it in its own words, and asks no subgraph.
  if (variables.coerced === undefined) return executor(context);
  const fragments = fragmentsOf(document);
  const fields = rootFieldsOf(operation, fragments, variables.coerced);
  const type = schema.getRootType(operation.operation);
  if (!type) return executor(context);
  const calls = callsOf({ type, fields, fragments, variables: variables.coerced }, context);
  const request: HttpRequest = context.context['request'];
  const viewer: Viewer = context.context['viewer'];
  const { refusals } = await decide(request, viewer, calls);
  if (refusals.size === 0) return executor(context);
  return executeRest({ fields, calls, refusals }, executor, context);
}

interface Operation {
  readonly type: GraphQLObjectType;
  readonly fields: readonly RootField[];
  readonly fragments: Record<string, FragmentDefinitionNode>;
  readonly variables: Variables;
}

/** What counts of an operation: introspection too, which is work for the gateway itself, and `__typename` not. */
function callsOf(of: Operation, context: ExecutorContext): RootCall[] {
  const definitions = of.type.getFields();
  return of.fields.flatMap((field) => {
    const definition = definitions[field.name] ?? metaField(field.name);
    return definition ? [callOf(field, definition, of, context)] : [];
  });
}

/** The call as the field's resolver would see it, if the gateway had resolvers. */
function callOf(
  { responseName, name, nodes }: RootField,
  definition: GraphQLField<unknown, unknown>,
  { type, fragments, variables }: Operation,
  { schema, operation }: ExecutorContext,
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
async function executeRest(decided: Decided, executor: Executor, context: ExecutorContext): Promise<Result> {
  const { fields, calls, refusals } = decided;
  const isRefused = ({ responseName }: { responseName: string }) => refusals.has(responseName);
  const isWhole =
    context.operation.operation === OperationTypeNode.MUTATION ||
    calls.some((call) => isRefused(call) && isNonNullType(call.info.returnType));
  const isAnythingLeft = !isWhole && !calls.every(isRefused);
  const errors = [...refusals].map(([name, refusal]) => errorOf(name, refusal, isAnythingLeft));
  if (isWhole) return { data: null, errors };
  const rest = fields.filter((field) => !isRefused(field));
  const result: Result = rest.length > 0 ? await executor(reduced(context, rest)) : { data: {} };
  const { data } = result;
  return {
    ...result,
    ...(data && { data: inOrder(fields, data) }),
    errors: [...(result.errors ?? []), ...errors],
  };
}

function reduced(context: ExecutorContext, fields: readonly RootField[]): ExecutorContext {
  const operation = onlyFields(context.operation, fields);
  const definitions = context.document.definitions.map((definition) =>
    definition === context.operation ? operation : definition,
  );
  const document = { ...context.document, definitions };
  const source = print(document);
  // The gateway keeps query plans by this hash: another operation needs another.
  const queryHash = createHash('sha256').update(source).digest('hex');
  return { ...context, document, operation, source, queryHash };
}

const inOrder = (fields: readonly RootField[], data: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(fields.map(({ responseName }) => [responseName, data[responseName] ?? null]));

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
