// Compiles one fetch of a plan: the body of its request, the representations of its entities, and the merge of the reply.
import type { FetchNode } from '@apollo/query-planner';
import { GraphQLError, type GraphQLSchema, isInterfaceType, Kind, parse } from 'graphql';
import { type Names, namesIn, type Path } from './errors.ts';
import { isJsonObject, type JsonObject, memberOf, mergeInto } from './members.ts';
import { compileEntity } from './representations.ts';
import { compileRewrites } from './rewrites.ts';
import type { Run, SubgraphCall } from './subgraph-call.ts';
import { clientErrors, upToList } from './subgraph-errors.ts';

/** The state of one execution. */
export interface Execution {
  readonly run: Run;
  /** Undefined until the first fetch of root fields has answered. */
  data: JsonObject | undefined;
  readonly errors: GraphQLError[];
  /** Whether a reply for root fields had an error instead of data. */
  isDataLost: boolean;
  /** For each entity that a subgraph does not know: the names that were requested of it there. */
  readonly unknown: Map<object, readonly Names[]>;
}

/** A step of the plan, with the objects that its result is merged into; undefined means the whole reply. */
export type Step = (execution: Execution, objects: readonly JsonObject[] | undefined) => Promise<void>;

interface Fetch {
  readonly node: FetchNode;
  readonly supergraph: GraphQLSchema;
  /** The path in the reply where the result belongs. */
  readonly within: Path;
}

export function compileFetch(fetch: Fetch): Step {
  const step = fetch.node.requires === undefined ? compileRootFetch(fetch) : compileEntityFetch(fetch);
  return async (execution, objects) => {
    try {
      await step(execution, objects);
    } catch (error) {
      execution.errors.push(asGraphQLError(error));
    }
  };
}

const asGraphQLError = (error: unknown): GraphQLError => {
  if (error instanceof GraphQLError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  return new GraphQLError(cause.message, { originalError: cause });
};

type Send = (
  execution: Execution,
  entities?: readonly JsonObject[],
  representations?: readonly JsonObject[],
) => Promise<JsonObject | undefined>;

/** Gives the data of the reply, and reports its errors. */
function compileSend({ node, within }: Fetch): Send {
  const bodyFor = compileBody(node);
  const subgraph = node.serviceName;
  const renamed = readRenamed(node);
  const call = {
    subgraph,
    text: node.operation,
    isMutation: node.operationKind === 'mutation',
    path: missingPath(node, within),
  };
  return async (execution, entities, representations) => {
    const body = bodyFor(execution.run.variables, representations);
    const { data, errors } = await execution.run.call({ ...call, body });
    if (errors !== undefined && errors.length > 0) {
      if (entities === undefined && !data) execution.isDataLost = true;
      const place = { subgraph, within, renamed, entities, data: execution.data };
      for (const error of clientErrors(errors, place)) execution.errors.push(error);
    }
    if (data === undefined || data === null) return undefined;
    if (isJsonObject(data)) return data;
    throw malformed(call, 'Expected "data" in response to be an object');
  };
}

const NONE_RENAMED: ReadonlyMap<unknown, string> = new Map();

const readRenamed = ({ outputRewrites = [] }: FetchNode): ReadonlyMap<unknown, string> => {
  const renamed = outputRewrites.flatMap((rewrite): [unknown, string][] =>
    rewrite.kind === 'KeyRenamer' ? [[rewrite.path.at(-1), rewrite.renameKeyTo]] : [],
  );
  return renamed.length === 0 ? NONE_RENAMED : new Map(renamed);
};

const malformed = ({ path }: Pick<SubgraphCall, 'path'>, message: string): GraphQLError =>
  new GraphQLError(message, { ...(path && { path }), extensions: { code: 'INTERNAL_SERVER_ERROR' } });

/** The path that a failed fetch leaves empty: the list or the object of its entities, or its only root field. */
function missingPath(node: FetchNode, within: Path): Path | undefined {
  if (within.length > 0) return upToList(within);
  const fields = parse(node.operation, { noLocation: true }).definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? definition.selectionSet.selections : [],
  );
  const names = fields.flatMap((field) =>
    field.kind === Kind.FIELD ? [(field.alias ?? field.name).value] : [],
  );
  return names.length === 1 ? names.slice() : undefined;
}

type BodyFor = (variables: Run['variables'], representations?: readonly JsonObject[]) => string;

/** Compiles the body of the requests: the parts that do not change are serialized once. */
function compileBody(node: FetchNode): BodyFor {
  // `join` gives a flat string, where `+` would give a tree of strings that each request flattens again.
  const head = ['{"query":', JSON.stringify(node.operation), ',"variables":{'].join('');
  const tail =
    node.operationName === undefined ? '}}' : `},"operationName":${JSON.stringify(node.operationName)}}`;
  const used = (node.variableUsages ?? []).map((name) => ({ name, key: `${JSON.stringify(name)}:` }));
  if (used.length === 0 && node.requires === undefined) {
    const constant = head + tail;
    return () => constant;
  }
  return (variables, representations) => {
    const members: string[] = [];
    for (const { name, key } of used) {
      const value = memberOf(variables, name);
      if (value !== undefined) members.push(key + JSON.stringify(value));
    }
    if (representations !== undefined) members.push(`"representations":${JSON.stringify(representations)}`);
    return head + members.join(',') + tail;
  };
}

function compileRootFetch(fetch: Fetch): Step {
  const send = compileSend(fetch);
  const rewrite = compileRewrites(fetch.node.outputRewrites, fetch.supergraph);
  return async (execution, objects) => {
    const data = await send(execution);
    if (data === undefined) return;
    rewrite?.(data);
    if (objects === undefined) {
      if (execution.data === undefined) execution.data = data;
      else mergeInto(execution.data, data);
      return;
    }
    // Copy the data, because each place is shaped in place, by itself.
    for (const object of objects) mergeInto(object, structuredClone(data));
  };
}

function compileEntityFetch(fetch: Fetch): Step {
  const { node, supergraph, within } = fetch;
  const represent = compileEntity(node.requires ?? [], supergraph);
  const rewriteInput = compileRewrites(node.inputRewrites, supergraph);
  const rewriteOutput = compileRewrites(node.outputRewrites, supergraph);
  const texts = [node.operation];
  const send = compileSend(fetch);
  const call = { path: upToList(within) };
  const usesRepresentations = node.variableUsages?.includes('representations') ?? false;

  /** Whether the type name is an interface: a subgraph with an @interfaceObject does not know the type of its entities. */
  function isTypeless({ __typename: typename }: JsonObject): boolean {
    if (typename === undefined) return rewriteOutput !== undefined;
    return typeof typename !== 'string' || isInterfaceType(supergraph.getType(typename));
  }

  /** Leaves out entities that another subgraph does not know, because they may lack what this subgraph requires. */
  function selectKnown(objects: readonly JsonObject[], { unknown }: Execution, asked: () => Names) {
    const entities: JsonObject[] = [];
    const representations: JsonObject[] = [];
    for (const object of objects) {
      const representation = represent(object);
      if (!representation?.['__typename']) {
        if (unknown.has(object)) addUnknown(unknown, object, asked());
        continue;
      }
      rewriteInput?.(representation);
      entities.push(object);
      representations.push(representation);
    }
    return { entities, representations };
  }

  function addUnknown(unknown: Execution['unknown'], entity: JsonObject, asked: Names): void {
    unknown.set(entity, [...(unknown.get(entity) ?? []), asked]);
  }

  function entitiesIn(data: JsonObject, count: number): readonly unknown[] {
    const received = memberOf(data, '_entities');
    if (!Array.isArray(received))
      throw malformed(call, 'Expected "data._entities" in response to be an array');
    if (received.length !== count)
      throw malformed(call, `Expected "data._entities" to contain ${count} elements`);
    return received;
  }

  return async (execution, objects) => {
    const asked = namesIn(texts);
    const { entities, representations } = selectKnown(objects ?? [], execution, asked);
    if (entities.length === 0) return;
    if (usesRepresentations && memberOf(execution.run.variables, 'representations') !== undefined)
      throw new GraphQLError('Variables cannot contain key "representations"');
    const data = await send(execution, entities, representations);
    if (data === undefined) return;
    const received = entitiesIn(data, entities.length);
    entities.forEach((entity, index) => {
      const more = received[index];
      if (more === null) addUnknown(execution.unknown, entity, asked());
      if (!isJsonObject(more)) return;
      if (isTypeless(more)) more['__typename'] = entity['__typename'];
      rewriteOutput?.(more);
      mergeInto(entity, more);
    });
  };
}
