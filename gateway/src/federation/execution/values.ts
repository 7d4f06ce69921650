// The checks of values by their types. A value that does not fit becomes null, with an error; a null where there must be
// none makes its parent null.
import {
  type GraphQLLeafType,
  type GraphQLList,
  type GraphQLOutputType,
  isLeafType,
  isListType,
  isNonNullType,
} from 'graphql';
import { type Faults, type Path, reportAbsent, reportNull, reportWrong } from './faults.ts';
import { leafCheck } from './leaves.ts';

/** What the walk over the merged data has at hand. */
export interface Shaping extends Faults {
  /** As the client sent them. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Gives the value as it is shown; null for one that does not fit; undefined when the parent must be null. */
export type Complete = (value: unknown, shaping: Shaping) => unknown;

export interface Site {
  /** The type in whose selection set or fragment the field stands, for messages. */
  readonly within: string;
  /** The name of a member that is a leaf: the walk does not add it to the path. */
  readonly leaf: string | undefined;
}

export type CompileObject = () => Complete;

export function compileValue(type: GraphQLOutputType, site: Site, compileObject: CompileObject): Complete {
  if (isNonNullType(type)) return completeNonNull(type.ofType, site, compileObject);
  if (isListType(type)) return completeList(type, site, compileObject);
  if (isLeafType(type)) return completeLeaf(type, site);
  return compileObject();
}

export function pathOf({ path }: Shaping, { leaf }: Site): Path {
  return leaf === undefined ? [...path] : [...path, leaf];
}

/** As @apollo/gateway calls the place of a value. */
export function describe(path: Path, type: GraphQLOutputType, { within }: Site): string {
  const last = path.at(-1);
  return typeof last === 'number'
    ? `array element of type ${String(type)} at index ${last}`
    : `field ${within}.${last}`;
}

function completeNonNull(type: GraphQLOutputType, site: Site, compileObject: CompileObject): Complete {
  const complete = compileValue(type, site, compileObject);
  return (value, shaping) => {
    if (value !== null && value !== undefined) return complete(value, shaping) ?? undefined;
    const path = pathOf(shaping, site);
    reportNull(shaping, path, `Cannot return null for non-nullable ${describe(path, type, site)}.`);
    return undefined;
  };
}

function completeList(
  type: GraphQLList<GraphQLOutputType>,
  site: Site,
  compileObject: CompileObject,
): Complete {
  const completeItem = compileValue(type.ofType, site, compileObject);
  const completeItems = (items: unknown[], shaping: Shaping) => {
    let isNull = false;
    for (let index = 0; index < items.length; index += 1) {
      shaping.path.push(index);
      const item = completeItem(items[index], shaping);
      shaping.path.pop();
      if (item === undefined) isNull = true;
      else items[index] = item;
    }
    return isNull ? null : items;
  };
  return nullable(site, (value, shaping) => {
    if (Array.isArray(value)) return completeItems(value, shaping);
    return wrong(
      shaping,
      site,
      `Invalid non-list value (${kindOf(value)}) returned by subgraph for list type ${type}`,
    );
  });
}

function completeLeaf(type: GraphQLLeafType, site: Site): Complete {
  const isValid = leafCheck(type);
  return nullable(site, (value, shaping) => {
    if (isValid(value)) return value;
    const place = describe(pathOf(shaping, site), type, site);
    return wrong(shaping, site, `Invalid value found for ${place}.`);
  });
}

export function nullable(site: Site, complete: Complete): Complete {
  return (value, shaping) => {
    if (value === null) return null;
    if (value !== undefined) return complete(value, shaping);
    reportAbsent(shaping, pathOf(shaping, site));
    return null;
  };
}

/** Reports the value, and gives what is shown in its place. */
export function wrong(shaping: Shaping, site: Site, message: string): null {
  reportWrong(shaping, pathOf(shaping, site), message);
  return null;
}

/** The JSON type of a value, which itself belongs into no message. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : `a ${typeof value}`;
}
