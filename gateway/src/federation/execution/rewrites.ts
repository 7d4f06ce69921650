// Applies the rewrites of the planner to data for and from a subgraph: a type that has another name there (interface
// objects), and a field that had to be requested under another name.
import type { FetchDataRewrite } from '@apollo/query-planner';
import { type GraphQLSchema, isAbstractType } from 'graphql';
import { isJsonObject, type JsonObject, memberOf, setMember } from './members.ts';
import { perKey } from './per-key.ts';

export type Rewrite = (value: unknown) => void;

const FRAGMENT = '... on ';

export function compileRewrites(
  rewrites: readonly FetchDataRewrite[] | undefined,
  supergraph: GraphQLSchema,
): Rewrite | undefined {
  if (rewrites === undefined || rewrites.length === 0) return undefined;
  const compiled = rewrites.map((rewrite) => compileRewrite(rewrite, supergraph));
  return (value) => {
    for (const rewrite of compiled) rewrite(value);
  };
}

function compileRewrite(rewrite: FetchDataRewrite, supergraph: GraphQLSchema): Rewrite {
  const name = rewrite.path.at(-1) ?? '';
  const change = (object: JsonObject) => {
    if (rewrite.kind === 'ValueSetter') setMember(object, name, rewrite.setValueTo);
    else rename(object, name, rewrite.renameKeyTo);
  };
  const along = rewrite.path.slice(0, -1);
  return along.reduceRight<Rewrite>((next, step) => compileStep(step, next, supergraph), toObjects(change));
}

/** Renames a member with any value. (@apollo/gateway loses 0, false and the empty string here.) */
function rename(object: JsonObject, from: string, to: string): void {
  const value = memberOf(object, from);
  if (value === undefined) return;
  setMember(object, to, value);
  setMember(object, from, undefined);
}

function compileStep(step: string, next: Rewrite, supergraph: GraphQLSchema): Rewrite {
  if (!step.startsWith(FRAGMENT)) return toObjects((object) => next(memberOf(object, step)));
  const types = typesUnder(step.slice(FRAGMENT.length), supergraph);
  return toObjects((object) => {
    const type = memberOf(object, '__typename');
    // An object without `__typename` can have only one type.
    if (!type || (typeof type === 'string' && types.has(type))) next(object);
  });
}

/** Applies a change to an object, or to each object of a list. */
function toObjects(change: (object: JsonObject) => void): Rewrite {
  return function apply(value) {
    if (Array.isArray(value)) value.forEach(apply);
    else if (isJsonObject(value)) change(value);
  };
}

/** The names of all types, interfaces included, for which a condition on the type holds. */
export function typesUnder(condition: string, schema: GraphQLSchema): ReadonlySet<string> {
  const conditions = typesByCondition(schema);
  const names = conditions.get(condition) ?? findTypesUnder(condition, schema);
  conditions.set(condition, names);
  return names;
}

/** All operations of a supergraph share these sets. */
const typesByCondition = perKey((_: GraphQLSchema) => new Map<string, ReadonlySet<string>>());

function findTypesUnder(condition: string, schema: GraphQLSchema): ReadonlySet<string> {
  const names = new Set([condition]);
  const type = schema.getType(condition);
  if (!isAbstractType(type)) return names;
  for (const { name } of schema.getPossibleTypes(type)) names.add(name);
  if ('getInterfaces' in type)
    for (const { name } of schema.getImplementations(type).interfaces) names.add(name);
  return names;
}
