// Runs a compiled operation: the data that its fields share, the order in which they run, and where their errors are reported.
import {
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isNonNullType,
  locatedError,
  type OperationDefinitionNode,
} from 'graphql';
import { type Path, pathToArray } from 'graphql/jsutils/Path.js';

export type { Path };

export interface Run {
  readonly schema: GraphQLSchema;
  readonly fragments: Record<string, FragmentDefinitionNode>;
  readonly operation: OperationDefinitionNode;
  readonly contextValue: unknown;
  readonly variableValues: { [variable: string]: unknown };
  readonly errors: RunErrors;
}

export type Data = Record<string, unknown>;

/** Returns the value of a field, or a promise of it. It throws an error that makes the object around the field null. */
export type Step = (run: Run, source: unknown, parentPath: Path | undefined) => unknown;

export interface Field {
  /** The name of the field in the reply. */
  readonly key: string;
  readonly step: Step;
}
export type Fields = readonly Field[];

/** The facts about a field that are known before it runs. */
export interface Site {
  readonly key: string;
  readonly nodes: readonly FieldNode[];
  readonly parentType: GraphQLObjectType;
  readonly definition: GraphQLField<unknown, unknown>;
  /** Prepares the fields of the objects that the field returns. */
  readonly prepare: Prepare;
}

/** Prepares the fields of `type` that were collected of a selection. */
export type Prepare = (
  run: Run,
  type: GraphQLObjectType,
  collected: ReadonlyMap<string, readonly FieldNode[]>,
) => Fields;

export interface RunErrors {
  readonly all: readonly GraphQLError[];
  /** Adds the error that made the value at `path` null, unless a value around it is already null. */
  add(error: GraphQLError, path: Path | undefined): void;
}

export function createRunErrors(): RunErrors {
  const all: GraphQLError[] = [];
  const nulled = new Set<Path | undefined>();

  function isWithinNull(path: Path | undefined): boolean {
    if (nulled.size === 0) return false;
    for (let at = path; at !== undefined; at = at.prev) if (nulled.has(at)) return true;
    return nulled.has(undefined);
  }

  return {
    all,
    add: (error, path) => {
      if (isWithinNull(path)) return;
      nulled.add(path);
      all.push(error);
    },
  };
}

/** Makes a GraphQL error with a path. An error that has a path keeps it. */
export const locate = (error: unknown, nodes?: readonly FieldNode[], path?: Path): GraphQLError =>
  path === undefined && error instanceof GraphQLError
    ? error
    : locatedError(error, nodes === undefined ? undefined : [...nodes], path && pathToArray(path));

export const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/** Runs fields concurrently. */
export function runFields(
  run: Run,
  fields: Fields,
  source: unknown,
  path: Path | undefined,
): Data | Promise<Data> {
  const data: Data = {};
  let pending: Promise<unknown>[] | undefined;
  try {
    for (const { key, step } of fields) {
      const value = step(run, source, path);
      data[key] = value;
      if (!isPromise(value)) continue;
      pending ??= [];
      pending.push(settle(data, key, value));
    }
  } catch (error) {
    if (pending === undefined) throw error;
    const rethrow = (): never => {
      throw error;
    };
    return Promise.all(pending).then(rethrow, rethrow);
  }
  return pending === undefined ? data : Promise.all(pending).then(() => data);
}

const settle = (data: Data, key: string, value: Promise<unknown>): Promise<void> =>
  value.then((settled) => {
    data[key] = settled;
  });

/** Runs fields one after the other, as GraphQL requires for mutations. */
export async function runInOrder(
  run: Run,
  fields: Fields,
  source: unknown,
  path: Path | undefined,
): Promise<Data> {
  const data: Data = {};
  for (const { key, step } of fields) data[key] = await step(run, source, path);
  return data;
}

/** Returns null for a nullable field that failed. For a non-null field it throws the error to the object around the field. */
export function fail(run: Run, { nodes }: Site, type: GraphQLOutputType, error: unknown, path: Path): null {
  const located = locate(error, nodes, path);
  if (isNonNullType(type)) throw located;
  run.errors.add(located, path);
  return null;
}
