// Turns the value of a resolver into the value of the reply ("value completion" in the GraphQL specification).
import {
  defaultTypeResolver,
  type GraphQLAbstractType,
  GraphQLError,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { collectSubfields } from 'graphql/execution/collectFields.js';
import { inspect } from 'graphql/jsutils/inspect.js';
import { type Fields, fail, isPromise, type Path, type Run, runFields, type Site } from './compiled-run.ts';

/** Returns the completed value, or a promise of it. Throws, or rejects with, an error that may have no path yet. */
export type Complete = (run: Run, value: unknown, path: Path, info: GraphQLResolveInfo) => unknown;

/** Prepares the completion of a field's values. */
export function completerOf(site: Site, type: GraphQLOutputType): Complete {
  if (isNonNullType(type)) {
    const complete = completerOf(site, type.ofType);
    return (run, value, path, info) => complete(run, value, path, info) ?? refuseNull(site);
  }
  if (isLeafType(type)) return (_, value) => completeLeaf(site, type, false, value);
  const complete = isListType(type)
    ? listCompleter(site, type.ofType)
    : isAbstractType(type)
      ? abstractCompleter(site, type)
      : objectCompleter(site, type);
  return (run, value, path, info) => {
    if (value instanceof Error) throw value;
    return value == null ? null : complete(run, value, path, info);
  };
}

function refuseNull({ parentType, definition }: Site): never {
  throw new Error(`Cannot return null for non-nullable field ${parentType.name}.${definition.name}.`);
}

/** A scalar or a member of an enum. */
export function completeLeaf(site: Site, type: GraphQLLeafType, isNonNull: boolean, value: unknown): unknown {
  if (value == null) return isNonNull ? refuseNull(site) : null;
  if (value instanceof Error) throw value;
  const serialized = type.serialize(value);
  if (serialized != null) return serialized;
  throw new Error(
    `Expected \`${inspect(type)}.serialize(${inspect(value)})\` to return non-nullable value, returned: ${inspect(serialized)}`,
  );
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;

function listCompleter(site: Site, itemType: GraphQLOutputType): Complete {
  const complete = completerOf(site, itemType);

  function completeItem(run: Run, item: unknown, path: Path, info: GraphQLResolveInfo): unknown {
    try {
      const completed = isPromise(item)
        ? item.then((resolved) => complete(run, resolved, path, info))
        : complete(run, item, path, info);
      return isPromise(completed)
        ? completed.then(undefined, (error: unknown) => fail(run, site, itemType, error, path))
        : completed;
    } catch (error) {
      return fail(run, site, itemType, error, path);
    }
  }

  return (run, list, path, info) => {
    const { parentType, definition } = site;
    if (!isIterable(list))
      throw new GraphQLError(
        `Expected Iterable, but did not find one for field "${parentType.name}.${definition.name}".`,
      );
    const items: unknown[] = [];
    let containsPromise = false;
    for (const item of list) {
      const itemPath: Path = { prev: path, key: items.length, typename: undefined };
      const completed = completeItem(run, item, itemPath, info);
      containsPromise ||= isPromise(completed);
      items.push(completed);
    }
    return containsPromise ? Promise.all(items) : items;
  };
}

function objectCompleter(site: Site, type: GraphQLObjectType): Complete {
  let fields: Fields | undefined;
  return (run, value, path, info) => {
    // Collected for the first value, because some fragments are spread where no value ever occurs.
    fields ??= site.prepare(
      run,
      type,
      collectSubfields(run.schema, run.fragments, run.variableValues, type, site.nodes),
    );
    const known = fields;
    if (type.isTypeOf === undefined || type.isTypeOf === null) return runFields(run, known, value, path);
    const isOfType = type.isTypeOf(value, run.contextValue, info);
    const checked = (is: boolean) => {
      if (is) return runFields(run, known, value, path);
      const message = `Expected value of type "${type.name}" but got: ${inspect(value)}.`;
      throw new GraphQLError(message, { nodes: site.nodes });
    };
    return isPromise(isOfType) ? isOfType.then(checked) : checked(isOfType);
  };
}

function abstractCompleter(site: Site, type: GraphQLAbstractType): Complete {
  const byTypeName = new Map<string, Complete>();
  const resolveType = type.resolveType ?? defaultTypeResolver;

  function completerFor({ schema }: Run, name: unknown): Complete {
    const known = typeof name === 'string' && byTypeName.get(name);
    if (known) return known;
    const runtimeType = typeof name === 'string' ? schema.getType(name) : undefined;
    if (typeof name === 'string' && isObjectType(runtimeType) && schema.isSubType(type, runtimeType)) {
      const complete = objectCompleter(site, runtimeType);
      byTypeName.set(name, complete);
      return complete;
    }
    const field = `${site.parentType.name}.${site.definition.name}`;
    const message = `Abstract type "${type.name}" was resolved to ${inspect(name)}, which is none of its object types, for field "${field}".`;
    throw new GraphQLError(message, { nodes: site.nodes });
  }

  return (run, value, path, info) => {
    const name = resolveType(value, run.contextValue, info, type);
    return isPromise(name)
      ? name.then((resolved) => completerFor(run, resolved)(run, value, path, info))
      : completerFor(run, name)(run, value, path, info);
  };
}
