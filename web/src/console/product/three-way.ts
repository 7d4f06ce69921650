// What two people have made of the same product: for each field as it was loaded, as it is now, and as it was typed.
import { type Draft, FIELDS, type FieldName } from './draft.ts';

export type Side = 'yours' | 'theirs' | 'loaded';

export interface Difference extends Readonly<Record<Side, string>> {
  readonly field: FieldName;
  /** The side that changed the field, when only one did or both agree. Without it a person must choose. */
  readonly settled: Side | undefined;
}

/** The fields that at least one of the two has changed. */
export function differences(sides: Readonly<Record<Side, Draft>>): Difference[] {
  return FIELDS.map((field) => {
    const [loaded, theirs, yours] = [sides.loaded[field], sides.theirs[field], sides.yours[field]];
    return { field, loaded, theirs, yours, settled: settledSide(loaded, theirs, yours) };
  }).filter(({ loaded, theirs, yours }) => loaded !== theirs || loaded !== yours);
}

function settledSide(loaded: string, theirs: string, yours: string): Side | undefined {
  if (yours === loaded) return 'theirs';
  if (theirs === loaded || theirs === yours) return 'yours';
  return undefined;
}

export type Choices = Partial<Record<FieldName, Side>>;

/** The product that the choices make of it; undefined while one is missing. */
export function merged(theirs: Draft, found: readonly Difference[], choices: Choices): Draft | undefined {
  const chosen: [FieldName, string][] = [];
  for (const difference of found) {
    const side = choices[difference.field] ?? difference.settled;
    if (side === undefined) return undefined;
    chosen.push([difference.field, difference[side]]);
  }
  return { ...theirs, ...Object.fromEntries(chosen) };
}
