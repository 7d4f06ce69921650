// Finds the root fields of an operation that will be executed, which rate limits count.
import {
  type ConstDirectiveNode,
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  getDirectiveValues,
  Kind,
  type OperationDefinitionNode,
  print,
  type SelectionSetNode,
  separateOperations,
  visit,
} from 'graphql';
import type { Fragments } from '../federation/execution/plannable.ts';

/** A field of the reply. Nodes with the same response name are merged and executed once. */
export interface RootField {
  /** The alias, or else the field's name. */
  readonly responseName: string;
  readonly name: string;
  readonly nodes: readonly FieldNode[];
}

export type Variables = Readonly<Record<string, unknown>>;

/** Collects the fields as CollectFields of the specification: through fragments, without skipped fields, in order. */
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
        const fragment = fragments.get(selection.name.value);
        if (fragment) collect(fragment.selectionSet);
      }
    }
  }

  collect(selectionSet);
  return [...nodes].flatMap(([responseName, [first, ...others]]) =>
    first ? [{ responseName, name: first.name.value, nodes: [first, ...others] }] : [],
  );
}

/** The variables that decide which root fields are executed. */
export function rootConditions(
  { selectionSet }: OperationDefinitionNode,
  fragments: Fragments,
): readonly string[] {
  const names = new Set<string>();
  const visited = new Set<string>();

  function collect({ selections }: SelectionSetNode): void {
    for (const selection of selections) {
      for (const { arguments: given = [] } of selection.directives ?? [])
        for (const { value } of given) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
      if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet);
      if (selection.kind !== Kind.FRAGMENT_SPREAD || visited.has(selection.name.value)) continue;
      visited.add(selection.name.value);
      const fragment = fragments.get(selection.name.value);
      if (fragment) collect(fragment.selectionSet);
    }
  }

  collect(selectionSet);
  return [...names];
}

/** Whether `@skip` and `@include` let a node be executed. @throws {GraphQLError} when one of their variables is null */
export function isIncluded(
  node: { readonly directives?: readonly (DirectiveNode | ConstDirectiveNode)[] },
  variables: Variables,
): boolean {
  if (!node.directives?.length) return true;
  if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.['if'] === true) return false;
  return getDirectiveValues(GraphQLIncludeDirective, node, variables)?.['if'] !== false;
}

/**
 * Writes the same operation with these root fields only. The fragments around them are removed, because their conditions
 * have been decided. Fragments that only other fields spread are removed too.
 */
export function textOf(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  fields: readonly RootField[],
): string {
  const selections = fields.flatMap(({ nodes }) => nodes);
  const part = { ...operation, selectionSet: { ...operation.selectionSet, selections } };
  const definitions = document.definitions.map((definition) =>
    definition === operation ? part : definition,
  );
  const parts = separateOperations({ ...document, definitions });
  return print(withoutUnusedVariables(parts[operation.name?.value ?? ''] ?? { ...document, definitions }));
}

function withoutUnusedVariables(document: DocumentNode): DocumentNode {
  const used = new Set<string>();
  visit(document, { VariableDefinition: () => false, Variable: ({ name }) => void used.add(name.value) });
  return visit(document, {
    VariableDefinition: ({ variable }) => (used.has(variable.name.value) ? undefined : null),
  });
}
