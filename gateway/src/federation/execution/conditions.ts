// @skip and @include: what follows from an operation follows anew from each combination of their variables.
import { type DirectiveNode, type DocumentNode, Kind, visit } from 'graphql';
import { memberOf } from './members.ts';

/** Combinations for which the result is kept. For further ones it is made whenever they are asked for. */
const MAX_KEPT = 16;

/** By the names of variables, whether they are true. */
export type Conditions = ReadonlyMap<string, boolean>;

/** Gives what is made for the values of these variables, of which there are few. Without any, it is made at once. */
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

/** The variables that decide about a @skip or an @include. */
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
