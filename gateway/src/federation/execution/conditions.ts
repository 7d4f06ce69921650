// @skip and @include: results that are compiled from an operation are compiled for each combination of their variables.
import { type DirectiveNode, type DocumentNode, Kind, visit } from 'graphql';
import { memberOf } from './members.ts';

/** How many combinations are kept. A further combination is compiled each time. */
const MAX_KEPT = 16;

/** The names of the variables, and whether each is true. */
export type Conditions = ReadonlyMap<string, boolean>;

/** Keeps one result of `make` for each combination of the variables. Without variables, `make` is called at once. */
export function byConditions<Made>(
  names: readonly string[],
  make: (conditions: Conditions, isKept: boolean) => Made,
): (coerced: Readonly<Record<string, unknown>>) => Made {
  return names.length === 0 ? always(make(new Map(), true)) : byCombination(names, make);
}

const always =
  <Made>(made: Made) =>
  (): Made =>
    made;

function byCombination<Made>(
  names: readonly string[],
  make: (conditions: Conditions, isKept: boolean) => Made,
) {
  const kept = new Map<string, { readonly made: Made }>();
  return (coerced: Readonly<Record<string, unknown>>): Made => {
    const isMet = (name: string) => memberOf(coerced, name) === true;
    const key = names.map((name) => (isMet(name) ? '1' : '0')).join('');
    const known = kept.get(key);
    if (known) return known.made;
    const isKept = kept.size < MAX_KEPT;
    const made = make(new Map(names.map((name) => [name, isMet(name)])), isKept);
    if (isKept) kept.set(key, { made });
    return made;
  };
}

/** The names of the variables in @skip and @include. */
export function variablesOfConditions(document: DocumentNode): string[] {
  const names = new Set<string>();
  visit(document, {
    Directive: ({ name, arguments: given }: DirectiveNode) => {
      if (name.value !== 'skip' && name.value !== 'include') return;
      for (const { value } of given ?? []) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  });
  return [...names];
}
