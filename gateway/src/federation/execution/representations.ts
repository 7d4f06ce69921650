// Representations of entities: the type and the fields that a fetch requires, copied from the data so far.
import type { QueryPlanInlineFragmentNode, QueryPlanSelectionNode } from '@apollo/query-planner';
import type { GraphQLSchema } from 'graphql';
import { isInherited, isJsonObject, type JsonObject, memberOf, mergeInto, setMember } from './members.ts';
import { typesUnder } from './rewrites.ts';

/** Null when a required field is not known. */
export type Represent = (entity: unknown) => JsonObject | null;

/** Copies members of the entity; false when one of them is not known yet. */
type Copy = (entity: JsonObject, representation: JsonObject) => boolean;

/** Compiles the fragments of a fetch; mostly there is one, for the type of the entity. */
export function compileEntity(
  requires: readonly QueryPlanSelectionNode[],
  supergraph: GraphQLSchema,
): Represent {
  const [first] = requires;
  return requires.length === 1 && first?.kind === 'InlineFragment'
    ? representFragment(first, supergraph)
    : compileRepresentation(requires, supergraph);
}

function compileRepresentation(
  requires: readonly QueryPlanSelectionNode[],
  supergraph: GraphQLSchema,
): Represent {
  const copies = requires.map((selection) => copyOf(selection, supergraph));
  return (entity) => {
    if (!isJsonObject(entity)) return null;
    const representation: JsonObject = {};
    for (const copy of copies) if (!copy(entity, representation)) return null;
    return representation;
  };
}

function copyOf(selection: QueryPlanSelectionNode, supergraph: GraphQLSchema): Copy {
  if (selection.kind === 'InlineFragment') return copyOfFragment(selection, supergraph);
  const name = selection.alias ?? selection.name;
  return selection.selections === undefined
    ? copyOfLeaf(name)
    : copyOfObject(name, compileRepresentation(selection.selections, supergraph));
}

function copyOfLeaf(name: string): Copy {
  if (isInherited(name))
    return (entity, representation) => {
      const value = memberOf(entity, name);
      setMember(representation, name, value);
      return value !== undefined;
    };
  return (entity, representation) => {
    const value = entity[name];
    representation[name] = value;
    return value !== undefined;
  };
}

/** Copies an object. If it lacks a required member, the copy is null, as in @apollo/gateway; so is a list in a list. */
function copyOfObject(name: string, represent: Represent): Copy {
  return (entity, representation) => {
    const value = memberOf(entity, name);
    if (value === undefined) return false;
    setMember(representation, name, Array.isArray(value) ? value.map(represent) : represent(value));
    return true;
  };
}

function copyOfFragment(fragment: QueryPlanInlineFragmentNode, supergraph: GraphQLSchema): Copy {
  const represent = representFragment(fragment, supergraph);
  return (entity, representation) => {
    const more = represent(entity);
    if (more !== null) mergeInto(representation, more);
    return true;
  };
}

function representFragment(fragment: QueryPlanInlineFragmentNode, supergraph: GraphQLSchema): Represent {
  const { typeCondition, selections } = fragment;
  if (typeCondition === undefined) return () => null;
  const types = typesUnder(typeCondition, supergraph);
  const represent = compileRepresentation(selections, supergraph);
  return (entity) => {
    const type = isJsonObject(entity) ? entity['__typename'] : undefined;
    return typeof type === 'string' && types.has(type) ? represent(entity) : null;
  };
}
