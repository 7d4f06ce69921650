// The root fields of an operation as they will be executed, and the operation with some of them left out.
import {
  type ConstDirectiveNode,
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  getDirectiveValues,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** What answers under one name in the reply. Nodes of the same name are merged and executed once. */
export interface RootField {
  /** The alias, or else the field's name. */
  readonly responseName: string;
  readonly name: string;
  readonly nodes: readonly FieldNode[];
}

type Variables = Readonly<Record<string, unknown>>;
type Fragments = Readonly<Record<string, FragmentDefinitionNode>>;

export function fragmentsOf(document: DocumentNode): Record<string, FragmentDefinitionNode> {
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
  return Object.fromEntries(
    fragments.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition]] : [],
    ),
  );
}

/** As CollectFields of the specification does it: through fragments, without what is skipped, in order. */
export function rootFieldsOf(
  { selectionSet }: OperationDefinitionNode,
  fragments: Fragments,
  variables: Variables,
): RootField[] {
  const nodes = new Map<string, FieldNode[]>();
  const visited = new Set<string>();

  function collect({ selections }: SelectionSetNode): void {
    for (const selection of selections) {
      if (!isIncluded(selection, variables)) continue;
      if (selection.kind === Kind.FIELD) {
        const responseName = (selection.alias ?? selection.name).value;
        const merged = nodes.get(responseName);
        if (merged) merged.push(selection);
        else nodes.set(responseName, [selection]);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        collect(selection.selectionSet);
      } else if (!visited.has(selection.name.value)) {
        visited.add(selection.name.value);
        const fragment = fragments[selection.name.value];
        if (fragment) collect(fragment.selectionSet);
      }
    }
  }

  collect(selectionSet);
  return [...nodes].flatMap(([responseName, [first, ...others]]) =>
    first ? [{ responseName, name: first.name.value, nodes: [first, ...others] }] : [],
  );
}

/** What `@skip` and `@include` say. @throws {GraphQLError} when a variable of theirs is null */
export function isIncluded(
  node: { readonly directives?: readonly (DirectiveNode | ConstDirectiveNode)[] },
  variables: Variables,
): boolean {
  if (!node.directives?.length) return true;
  if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.['if'] === true) return false;
  return getDirectiveValues(GraphQLIncludeDirective, node, variables)?.['if'] !== false;
}

/** The same operation with these root fields only; fragments around them are gone, since they have been decided. */
export function onlyFields(operation: OperationDefinitionNode, fields: readonly RootField[]) {
  const selections = fields.flatMap(({ nodes }) => nodes);
  return { ...operation, selectionSet: { ...operation.selectionSet, selections } };
}
