// Counts how large a document is with every fragment expanded. Validation and the planner work on the expanded document, so it
// is counted before both: without a schema, and without expanding it.
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
  /** Fields (also `__typename`), inline fragments and spreads of all operations; Infinity above the largest number. */
  readonly selections: number;
  /** Variables in `@skip` and `@include`: each may double the work of the planner. */
  readonly conditions: number;
}

interface Count {
  readonly definitions: ReadonlyMap<string, FragmentDefinitionNode>;
  /** The selections of each fragment, which is counted once for all its spreads. */
  readonly fragments: Map<FragmentDefinitionNode, number>;
  readonly conditions: Set<string>;
}

/** Counts a parsed document, which need not be valid. */
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
  // Validation also processes fragments that no operation spreads, before it refuses them.
  for (const fragment of fragments)
    if (!count.fragments.has(fragment)) selections += selectionsOfFragment(fragment, count);
  return { selections, conditions: count.conditions.size };
}

const isOperation = (definition: DefinitionNode): definition is OperationDefinitionNode =>
  definition.kind === Kind.OPERATION_DEFINITION;

const isFragment = (definition: DefinitionNode): definition is FragmentDefinitionNode =>
  definition.kind === Kind.FRAGMENT_DEFINITION;

/** Recurses once for each level of the document; the limit of tokens bounds the depth. */
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
  // Inside itself a fragment counts as 0, because validation refuses circles.
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
