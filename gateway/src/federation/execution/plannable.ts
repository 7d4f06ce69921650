// Removes introspection from an operation before it is planned. The gateway answers introspection itself, and the planner
// does not know all of its fields (`__Type.isOneOf`).
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

export interface OperationIn {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
}

/** Reads the operation again, always the same one. A document is large, so it is not kept in memory. */
export type ReadOperation = () => OperationIn;

/** Whether a field is an introspection field. Only the type Query has such fields. */
export const isIntrospection = (fieldName: string): boolean =>
  fieldName === '__schema' || fieldName === '__type';

export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** The fragments of a document by their names. */
export const fragmentsOf = (document: DocumentNode): Fragments =>
  new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition]] : [],
    ),
  );

/** The document for the planner: this operation alone, without introspection; undefined when no field is left. */
export function plannable({ document, operation }: OperationIn): DocumentNode | undefined {
  const fragments = fragmentsOf(document);
  /** The fragments that are used, without introspection; undefined for a fragment that has no field left. */
  const kept = new Map<string, FragmentDefinitionNode | undefined>();

  function keepFragment(name: string): boolean {
    const fragment = fragments.get(name);
    if (fragment === undefined) return false;
    if (!kept.has(name)) {
      const selectionSet = keepSet(fragment.selectionSet);
      kept.set(name, selectionSet && { ...fragment, selectionSet });
    }
    return kept.get(name) !== undefined;
  }

  function keepSet(set: SelectionSetNode): SelectionSetNode | undefined {
    const selections = set.selections.flatMap(keepSelection);
    return selections.length === 0 ? undefined : { ...set, selections };
  }

  function keepSelection(selection: SelectionNode): SelectionNode[] {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return keepFragment(selection.name.value) ? [selection] : [];
    if (selection.kind === Kind.FIELD && isIntrospection(selection.name.value)) return [];
    if (selection.selectionSet === undefined) return [selection];
    const selectionSet = keepSet(selection.selectionSet);
    if (selectionSet !== undefined) return [{ ...selection, selectionSet }];
    // A field that contains introspection only still gives an object, so it is kept.
    return selection.kind === Kind.FIELD ? [{ ...selection, selectionSet: TYPENAME }] : [];
  }

  const selectionSet = keepSet(operation.selectionSet);
  if (selectionSet === undefined) return undefined;
  const definitions = [...kept.values()].filter((fragment) => fragment !== undefined);
  return { kind: Kind.DOCUMENT, definitions: [{ ...operation, selectionSet }, ...definitions] };
}

const TYPENAME: SelectionSetNode = {
  kind: Kind.SELECTION_SET,
  selections: [{ kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }],
};
