// Collects the fields that an operation selects of a type, in the order of the members of the reply. The order is that of
// @apollo/gateway. It differs from graphql-js in one way: within a selection set, fields of the same name and fragments of
// the same condition are joined at the place of the first.
import {
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isAbstractType,
  Kind,
  print,
  type SelectionNode,
} from 'graphql';

export type Selections = readonly SelectionNode[];

export interface Selecting {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** The values of the variables in @skip and @include. */
  readonly conditions: ReadonlyMap<string, boolean>;
}

export interface SelectedField {
  readonly name: string;
  readonly nodes: FieldNode[];
  /** The type of the selection set or fragment in which the field occurs first. */
  readonly within: string;
  /** The selection sets of the field; each is collected on its own. */
  readonly selections: Selections[];
}

type Composite = GraphQLObjectType | GraphQLInterfaceType;

/** The fields by response name, in the order of the reply. */
export function fieldsOf(
  sets: readonly Selections[],
  type: Composite,
  selecting: Selecting,
): ReadonlyMap<string, SelectedField> {
  const fields = new Map<string, SelectedField>();
  for (const set of sets) addFields(set, { type, within: type.name, fields, selecting });
  return fields;
}

interface Adding {
  readonly type: Composite;
  readonly within: string;
  readonly fields: Map<string, SelectedField>;
  readonly selecting: Selecting;
}

function addFields(selections: Selections, adding: Adding): void {
  for (const group of groupsOf(selections, adding.selecting)) {
    if (!isSelected(group.node.directives, adding.selecting)) continue;
    if (group.node.kind === Kind.FIELD) addField(group, adding);
    else addFragment(group, adding);
  }
}

function addField({ nodes, selections }: Group, { within, fields }: Adding): void {
  const fieldNodes = nodes.filter((node) => node.kind === Kind.FIELD);
  const [first] = fieldNodes;
  if (first === undefined) return;
  const name = (first.alias ?? first.name).value;
  const field = fields.get(name) ?? { name, nodes: [], within, selections: [] };
  field.nodes.push(...fieldNodes);
  field.selections.push(selections);
  fields.set(name, field);
}

function addFragment({ node, selections }: Group, adding: Adding): void {
  const condition = conditionOf(node, adding.selecting);
  if (condition !== undefined && !isUnder(adding.type, condition, adding.selecting.schema)) return;
  addFields(selections, { ...adding, within: condition ?? adding.within });
}

function conditionOf(node: SelectionNode, { fragments }: Selecting): string | undefined {
  if (node.kind === Kind.INLINE_FRAGMENT) return node.typeCondition?.name.value;
  return fragments.get(node.name.value)?.typeCondition.name.value;
}

function isUnder(type: Composite, condition: string, schema: GraphQLSchema): boolean {
  if (type.name === condition) return true;
  const abstract = schema.getType(condition);
  return isAbstractType(abstract) && schema.isSubType(abstract, type);
}

/** Selections of one set that are joined. */
interface Group {
  readonly node: SelectionNode;
  readonly nodes: SelectionNode[];
  readonly selections: SelectionNode[];
}

function groupsOf(selections: Selections, { fragments }: Selecting): Iterable<Group> {
  const groups = new Map<string, Group>();
  for (const node of selections) {
    const key = groupKeyOf(node);
    const group = groups.get(key) ?? { node, nodes: [], selections: [] };
    groups.set(key, group);
    // A second spread of the same fragment adds no fields.
    if (node.kind === Kind.FRAGMENT_SPREAD && group.nodes.length > 0) continue;
    group.nodes.push(node);
    const set =
      node.kind === Kind.FRAGMENT_SPREAD ? fragments.get(node.name.value)?.selectionSet : node.selectionSet;
    group.selections.push(...(set?.selections ?? []));
  }
  return groups.values();
}

function groupKeyOf(node: SelectionNode): string {
  const directives = (node.directives ?? []).map((directive) => print(directive)).join(' ');
  if (node.kind === Kind.FIELD) return (node.alias ?? node.name).value + directives;
  if (node.kind === Kind.FRAGMENT_SPREAD) return `...${node.name.value}${directives}`;
  return `... on ${node.typeCondition?.name.value ?? ''}${directives}`;
}

function isSelected(directives: readonly DirectiveNode[] | undefined, { conditions }: Selecting): boolean {
  return (directives ?? []).every((directive) => {
    const condition = directive.arguments?.[0]?.value;
    const value =
      condition?.kind === Kind.VARIABLE ? conditions.get(condition.name.value) : isTrue(condition);
    if (directive.name.value === 'skip') return value !== true;
    return directive.name.value !== 'include' || value === true;
  });
}

const isTrue = (literal: { readonly kind: string; readonly value?: unknown } | undefined): boolean =>
  literal?.kind === Kind.BOOLEAN && literal.value === true;
