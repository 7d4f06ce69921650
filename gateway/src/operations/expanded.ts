// How large a document is with every fragment written out where it is spread. Validation and the query planner work on
// that, so it is counted before either sees the document: without a schema, and without writing anything out.
import {
  type DefinitionNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

export interface Expanded {
  /** Fields (`__typename` too), inline fragments and spreads, of all operations. Infinity when it is beyond counting. */
  readonly selections: number;
  /** Variables that decide about a `@skip` or an `@include`: each may double what the planner looks at. */
  readonly conditions: number;
}

interface Count {
  readonly definitions: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Selections of each fragment that was spread: counted once, however often that was. */
  readonly fragments: Map<FragmentDefinitionNode, number>;
  readonly conditions: Set<string>;
}

/** Counts a document that was parsed and is not known to be valid. */
export function expandedSize(document: DocumentNode): Expanded {
  const operations = document.definitions.filter(isOperation);
  const fragments = document.definitions.filter(isFragment);
  const count: Count = {
    definitions: new Map(fragments.map((fragment) => [fragment.name.value, fragment])),
    fragments: new Map(),
    conditions: new Set(),
  };
  let selections = 0;
  for (const { selectionSet } of operations) selections += selectionsOf(selectionSet, count);
  // Validation looks at fragments that no operation spreads, too, before it refuses them.
  for (const fragment of fragments)
    if (!count.fragments.has(fragment)) selections += selectionsOfFragment(fragment, count);
  return { selections, conditions: count.conditions.size };
}

const isOperation = (definition: DefinitionNode): definition is OperationDefinitionNode =>
  definition.kind === Kind.OPERATION_DEFINITION;

const isFragment = (definition: DefinitionNode): definition is FragmentDefinitionNode =>
  definition.kind === Kind.FRAGMENT_DEFINITION;

/** One call for each level of the document: as deep as its tokens let it be, that is not too many. */
function selectionsOf({ selections }: SelectionSetNode, count: Count): number {
  let sum = 0;
  for (const selection of selections) {
    addConditions(selection, count);
    sum += 1;
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const fragment = count.definitions.get(selection.name.value);
      if (fragment) sum += selectionsOfFragment(fragment, count);
    } else if (selection.selectionSet) sum += selectionsOf(selection.selectionSet, count);
  }
  return sum;
}

function selectionsOfFragment(fragment: FragmentDefinitionNode, count: Count): number {
  const known = count.fragments.get(fragment);
  if (known !== undefined) return known;
  // Within itself a fragment counts nothing: validation refuses circles.
  count.fragments.set(fragment, 0);
  const selections = selectionsOf(fragment.selectionSet, count);
  count.fragments.set(fragment, selections);
  return selections;
}

function addConditions({ directives = [] }: SelectionNode, { conditions }: Count): void {
  for (const { name, arguments: given = [] } of directives) {
    if (name.value !== 'skip' && name.value !== 'include') continue;
    for (const { value } of given) if (value.kind === Kind.VARIABLE) conditions.add(value.name.value);
  }
}
