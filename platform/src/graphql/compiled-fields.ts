// The fields of a compiled operation: how each is resolved, and how its errors are handled.
import {
  defaultFieldResolver,
  type FieldNode,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  getArgumentValues,
  getNullableType,
  isLeafType,
  isNonNullType,
} from 'graphql';
import { getFieldDef } from 'graphql/execution/execute.js';
import {
  type Field,
  type Fields,
  fail,
  isPromise,
  type Path,
  type Run,
  type Site,
  type Step,
} from './compiled-run.ts';
import { type Complete, completeLeaf, completerOf } from './compiled-values.ts';

/** Prepares the fields of `parentType` that were collected of a selection. */
export function fieldsOf(
  { schema }: Run,
  parentType: GraphQLObjectType,
  collected: ReadonlyMap<string, readonly FieldNode[]>,
): Fields {
  const fields: Field[] = [];
  for (const [key, nodes] of collected) {
    const [first] = nodes;
    const definition = first && getFieldDef(schema, parentType, first);
    if (definition)
      fields.push({ key, step: stepOf({ key, nodes, parentType, definition, prepare: fieldsOf }) });
  }
  return fields;
}

function stepOf(site: Site): Step {
  const { definition } = site;
  const type = getNullableType(definition.type);
  return isLeafType(type) && definition.resolve === undefined && definition.args.length === 0
    ? propertyStep(site, type)
    : resolverStep(site);
}

const isObjectLike = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** The step of most fields: a scalar that is a property of its object. The path is built only for an error. */
function propertyStep(site: Site, type: GraphQLLeafType): Step {
  const { key, parentType, definition } = site;
  const { name } = definition;
  const isNonNull = isNonNullType(definition.type);
  const otherwise = resolverStep(site);
  return (run, source, parentPath) => {
    const value = isObjectLike(source) ? source[name] : undefined;
    if (typeof value === 'function' || typeof source === 'function' || isPromise(value))
      return otherwise(run, source, parentPath);
    try {
      return completeLeaf(site, type, isNonNull, value);
    } catch (error) {
      return fail(run, site, definition.type, error, { prev: parentPath, key, typename: parentType.name });
    }
  };
}

function resolverStep(site: Site): Step {
  const { key, nodes, parentType, definition } = site;
  const [first] = nodes;
  const { type, resolve = defaultFieldResolver } = definition;
  const complete: Complete = completerOf(site, type);
  const takesArguments = definition.args.length > 0;
  return (run, source, parentPath) => {
    const path: Path = { prev: parentPath, key, typename: parentType.name };
    const failed = (error: unknown): null => fail(run, site, type, error, path);
    try {
      const info = infoOf(run, site, path);
      const args = takesArguments && first ? getArgumentValues(definition, first, run.variableValues) : {};
      const value = resolve(source, args, run.contextValue, info);
      if (isPromise(value))
        return value.then((resolved) => complete(run, resolved, path, info)).then(undefined, failed);
      const completed = complete(run, value, path, info);
      return isPromise(completed) ? completed.then(undefined, failed) : completed;
    } catch (error) {
      return failed(error);
    }
  };
}

const infoOf = (run: Run, site: Site, path: Path): GraphQLResolveInfo => ({
  fieldName: site.definition.name,
  fieldNodes: [...site.nodes],
  returnType: site.definition.type,
  parentType: site.parentType,
  path,
  schema: run.schema,
  fragments: run.fragments,
  rootValue: undefined,
  operation: run.operation,
  variableValues: run.variableValues,
});
