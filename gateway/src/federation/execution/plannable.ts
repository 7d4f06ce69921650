// Introspection of the schema is the gateway's own to answer. The planner is not shown it, because it does not know every
// field of it (`__Type.isOneOf`).
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

/** Gives the operation that is executed, always the same one. A document is large, so nothing holds it for long. */
export type ReadOperation = () => OperationIn;

/** Whether a field asks for the schema. GraphQL has such fields on the type Query alone. */
export const isIntrospection = (fieldName: string): boolean =>
  fieldName === '__schema' || fieldName === '__type';

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** The fragments of a document by their names. */
export const fragmentsOf = (document: DocumentNode): Fragments =>
  new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition]] : [],
    ),
  );

/** What is to be planned: the operation alone, without introspection; undefined when nothing is left. */
export function plannable({ document, operation }: OperationIn): DocumentNode | undefined {
  const fragments = fragmentsOf(document);
  /** Those that are used, as far as anything is left of them. */
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
    // A field with nothing but introspection in it is an object all the same.
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
