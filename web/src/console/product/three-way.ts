// Compares two people's changes of one product: each field as it was loaded, as it is now, and as it was typed.
import { type Draft, FIELDS, type FieldName } from './draft.ts';

export type Side = 'yours' | 'theirs' | 'loaded';

export interface Difference extends Readonly<Record<Side, string>> {
  readonly field: FieldName;
  /** The side whose value is used, when only one side changed the field or both agree. Otherwise the user must choose. */
  readonly settled: Side | undefined;
}

/** Finds the fields that at least one of the two has changed. */
export function findDifferences(sides: Readonly<Record<Side, Draft>>): Difference[] {
  return FIELDS.map((field) => {
    const [loaded, theirs, yours] = [sides.loaded[field], sides.theirs[field], sides.yours[field]];
    return { field, loaded, theirs, yours, settled: chooseSide(loaded, theirs, yours) };
  }).filter(({ loaded, theirs, yours }) => loaded !== theirs || loaded !== yours);
}

function chooseSide(loaded: string, theirs: string, yours: string): Side | undefined {
  if (yours === loaded) return 'theirs';
  if (theirs === loaded || theirs === yours) return 'yours';
  return undefined;
}

export type Choices = Partial<Record<FieldName, Side>>;

/** Merges the product by the choices; undefined while a choice is missing. */
export function mergeDraft(theirs: Draft, found: readonly Difference[], choices: Choices): Draft | undefined {
  const chosen: [FieldName, string][] = [];
  for (const difference of found) {
    const side = choices[difference.field] ?? difference.settled;
    if (side === undefined) return undefined;
    chosen.push([difference.field, difference[side]]);
  }
  return { ...theirs, ...Object.fromEntries(chosen) };
}
