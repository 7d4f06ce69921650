// Measures an operation: its depth, aliases, root fields and cost. This takes one pass over the document, and each fragment is
// measured once. Only the sizes of lists depend on the variables of a request.
import {
  type ArgumentNode,
  type DocumentNode,
  type FieldNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isIntrospectionType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionNode,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from 'graphql';
import { type Fragments, fragmentsOf } from '../federation/execution/plannable.ts';
import type { FieldWeights } from './field-weights.ts';
import { type IntrospectionSizes, introspectionSizes } from './introspection-sizes.ts';

/** The assumed length of a list without an argument for its length. */
const UNSIZED_LIST = 5;
/** A field costs 1 for each KiB of its value and its response name. */
const KIB = 1_024;
/** The lists of a page, whose length is an argument of the field of the page. */
const PAGE_LISTS = new Set(['edges', 'nodes']);

/** How often the selections of a field occur: a number, or the value of a variable. */
type Size = number | { readonly variable: string; readonly absent: number; readonly otherwise: number };

/** The measures of a selection set; a fragment counts for each of its spreads. */
interface Selection {
  depth: number;
  aliases: number;
  /** The fields of this level. */
  fields: number;
  /** The cost that does not depend on variables. */
  cost: number;
  /** Selections that cost `size` times their own cost. */
  readonly parts: { readonly size: Size; readonly of: Selection }[];
}

export interface Measured {
  readonly depth: number;
  readonly aliases: number;
  readonly rootFields: number;
  /** How many parts of the cost depend on variables; each part takes memory. */
  readonly parts: number;
  /** A selection costs 1, and a large field its weight, times the sizes of the lists that contain it. */
  cost(variables: Readonly<Record<string, unknown>>): number;
}

interface Scope {
  readonly schema: GraphQLSchema;
  readonly weights: FieldWeights;
  readonly introspection: IntrospectionSizes;
  /** The defaults of variables, where the default is a number. */
  readonly defaults: ReadonlyMap<string, number>;
  readonly definitions: Fragments;
  /** The measured fragments by name. */
  readonly fragments: Map<string, Selection>;
}

/** Measures an operation of a valid document. Introspection has no depth here, because graphql-js has a rule for it. */
export function measure(
  schema: GraphQLSchema,
  weights: FieldWeights,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): Measured {
  const scope: Scope = {
    schema,
    weights,
    introspection: introspectionSizes(schema),
    defaults: variableDefaults(operation),
    definitions: fragmentsOf(document),
    fragments: new Map(),
  };
  const type = schema.getRootType(operation.operation) ?? undefined;
  const root = selectionOf(operation.selectionSet, type, scope);
  const { depth, aliases, fields: rootFields } = root;
  return { depth, aliases, rootFields, parts: partsIn(root, new Set()), cost: costWith(root) };
}

function costWith(root: Selection): Measured['cost'] {
  const whole = Math.ceil(root.cost);
  if (root.parts.length === 0) return () => whole;
  return (variables) => Math.ceil(costOf(root, variables, new Map()));
}

/** Counts the parts of a selection; a shared part counts once. */
function partsIn({ parts }: Selection, counted: Set<Selection>): number {
  let sum = parts.length;
  for (const { of } of parts) {
    if (counted.has(of)) continue;
    counted.add(of);
    sum += partsIn(of, counted);
  }
  return sum;
}

const empty = (): Selection => ({ depth: 0, aliases: 0, fields: 0, cost: 0, parts: [] });

function selectionOf(set: SelectionSetNode, type: GraphQLNamedType | undefined, scope: Scope): Selection {
  const whole = empty();
  for (const node of set.selections) {
    if (node.kind === Kind.FIELD) addField(whole, node, type, scope);
    else addFragment(whole, fragmentOf(node, type, scope));
  }
  return whole;
}

function fragmentOf(
  node: Exclude<SelectionNode, FieldNode>,
  type: GraphQLNamedType | undefined,
  scope: Scope,
): Selection {
  const on = (name: string | undefined) => (name === undefined ? type : scope.schema.getType(name));
  if (node.kind === Kind.INLINE_FRAGMENT)
    return selectionOf(node.selectionSet, on(node.typeCondition?.name.value), scope);
  const name = node.name.value;
  const known = scope.fragments.get(name);
  if (known) return known;
  const definition = scope.definitions.get(name);
  if (!definition) return empty();
  const selection = selectionOf(definition.selectionSet, on(definition.typeCondition.name.value), scope);
  scope.fragments.set(name, selection);
  return selection;
}

function addFragment(whole: Selection, fragment: Selection): void {
  whole.depth = Math.max(whole.depth, fragment.depth);
  whole.aliases += fragment.aliases;
  whole.fields += fragment.fields;
  // A fragment adds no field to the reply, but its type is checked for each entry of a list.
  whole.cost += 1;
  addCost(whole, 1, fragment);
}

function addField(whole: Selection, node: FieldNode, type: GraphQLNamedType | undefined, scope: Scope): void {
  const name = node.name.value;
  const field =
    metaField(name) ?? (isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined);
  const below = node.selectionSet
    ? selectionOf(node.selectionSet, field && getNamedType(field.type), scope)
    : empty();
  whole.fields += 1;
  whole.aliases += (node.alias ? 1 : 0) + below.aliases;
  whole.cost += weightOf(node, type, scope);
  if (name === '__typename') return;
  const isIntrospection = type !== undefined && isIntrospectionType(type);
  if (!metaField(name) && !isIntrospection) whole.depth = Math.max(whole.depth, 1 + below.depth);
  const size = isIntrospection
    ? (scope.introspection.get(name) ?? 1)
    : field
      ? sizeOf(node, field, scope)
      : 1;
  addCost(whole, size, below);
}

/** The weight of a field. An alias is repeated in each entry of a list, so its length counts like the value. */
function weightOf(
  { name, alias }: FieldNode,
  type: GraphQLNamedType | undefined,
  { weights }: Scope,
): number {
  const weight = weights.get(`${type?.name}.${name.value}`) ?? 1;
  return weight + Math.floor((alias ?? name).value.length / KIB);
}

/** The root field of introspection with that name. */
export const metaField = (name: string): GraphQLField<unknown, unknown> | undefined =>
  [SchemaMetaFieldDef, TypeMetaFieldDef].find((field) => field.name === name);

function addCost(whole: Selection, size: Size, of: Selection): void {
  if (of.parts.length === 0 && typeof size === 'number') whole.cost += size * of.cost;
  else whole.parts.push({ size, of });
}

function sizeOf(
  { name, arguments: given = [] }: FieldNode,
  field: GraphQLField<unknown, unknown>,
  scope: Scope,
): Size {
  const first = field.args.find((argument) => argument.name === 'first');
  if (first)
    return pageSize(
      first,
      given.find((argument) => argument.name.value === 'first'),
      scope,
    );
  return isListType(getNullableType(field.type)) && !PAGE_LISTS.has(name.value) ? UNSIZED_LIST : 1;
}

function pageSize(
  { defaultValue }: GraphQLArgument,
  given: ArgumentNode | undefined,
  { defaults }: Scope,
): Size {
  const otherwise = typeof defaultValue === 'number' ? defaultValue : UNSIZED_LIST;
  if (given?.value.kind === Kind.INT) return atLeastOne(Number(given.value.value));
  if (given?.value.kind !== Kind.VARIABLE) return otherwise;
  const variable = given.value.name.value;
  return { variable, otherwise, absent: atLeastOne(defaults.get(variable) ?? otherwise) };
}

/** At least 1, so that a size that the subgraph will refuse lowers no cost. */
const atLeastOne = (size: number): number => Math.max(1, size);

function variableDefaults({ variableDefinitions = [] }: OperationDefinitionNode): Map<string, number> {
  return new Map(
    variableDefinitions.flatMap(({ variable, defaultValue }) =>
      defaultValue?.kind === Kind.INT ? [[variable.name.value, Number(defaultValue.value)]] : [],
    ),
  );
}

/** @param known the costs of shared selections, which are computed once */
function costOf(
  selection: Selection,
  variables: Readonly<Record<string, unknown>>,
  known: Map<Selection, number>,
): number {
  const before = known.get(selection);
  if (before !== undefined) return before;
  const cost = selection.parts.reduce(
    (sum, { size, of }) => sum + lengthOf(size, variables) * costOf(of, variables, known),
    selection.cost,
  );
  known.set(selection, cost);
  return cost;
}

function lengthOf(size: Size, variables: Readonly<Record<string, unknown>>): number {
  if (typeof size === 'number') return size;
  // Use hasOwn, because every object inherits names such as `constructor`.
  const value = Object.hasOwn(variables, size.variable) ? variables[size.variable] : undefined;
  if (value === undefined) return size.absent;
  return typeof value === 'number' ? atLeastOne(value) : size.otherwise;
}
