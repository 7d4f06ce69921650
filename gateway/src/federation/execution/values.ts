// The checks of values by their types. A value that does not fit becomes null, with an error; a null where there must be
// none makes its parent null.
import {
  type GraphQLCompositeType,
  type GraphQLLeafType,
  type GraphQLList,
  type GraphQLOutputType,
  isLeafType,
  isListType,
  isNonNullType,
} from 'graphql';
import { type Errors, type Path, reportAbsent, reportNull, reportWrong } from './errors.ts';
import { leafCheck } from './leaves.ts';
import { isJsonObject, type JsonObject } from './members.ts';
import { perKey } from './per-key.ts';

/** What the walk over the merged data has at hand. */
export interface Shaping extends Errors {
  /** As the client sent them. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Gives the value as it is shown; null for one that does not fit; undefined when the parent must be null. */
export type Complete = (value: unknown, shaping: Shaping, member: Member) => unknown;

/** Gives the object with exactly its members, in their order; null when one that must not be null is. */
export type CompleteObject = (data: JsonObject, shaping: Shaping) => JsonObject | null;

/** A member of an object in the reply: all that differs between operations. The checks by types are shared by all. */
export interface Member {
  readonly name: string;
  /** The type in whose selection set or fragment the field stands, for messages. */
  readonly within: string;
  /** A leaf adds its name to a path by itself. */
  readonly isLeaf: boolean;
  readonly complete: Complete;
  /** What stands in the field, when that are objects. */
  readonly objects: Objects | undefined;
}

export interface Objects {
  readonly type: GraphQLCompositeType;
  /** The shape of an object that says this of its type; undefined when there is none of that type. */
  readonly shapeFor: (typename: unknown) => CompleteObject | undefined;
}

/** The check of a field's type. */
export const completeOf: (type: GraphQLOutputType) => Complete = perKey(compile);

function compile(type: GraphQLOutputType): Complete {
  if (isNonNullType(type)) return completeNonNull(type.ofType);
  if (isListType(type)) return completeList(type);
  return isLeafType(type) ? completeLeaf(type) : completeObject;
}

function pathOf({ path }: Shaping, { name, isLeaf }: Member): Path {
  return isLeaf ? [...path, name] : [...path];
}

/** As @apollo/gateway calls the place of a value. */
function describe(path: Path, type: GraphQLOutputType, { within }: Member): string {
  const last = path.at(-1);
  return typeof last === 'number'
    ? `array element of type ${String(type)} at index ${last}`
    : `field ${within}.${last}`;
}

function completeNonNull(type: GraphQLOutputType): Complete {
  const complete = completeOf(type);
  return (value, shaping, member) => {
    if (value !== null && value !== undefined) return complete(value, shaping, member) ?? undefined;
    const path = pathOf(shaping, member);
    reportNull(shaping, path, `Cannot return null for non-nullable ${describe(path, type, member)}.`);
    return undefined;
  };
}

function completeList(type: GraphQLList<GraphQLOutputType>): Complete {
  const completeItem = completeOf(type.ofType);
  const completeItems = (items: unknown[], shaping: Shaping, member: Member) => {
    let isNull = false;
    for (let index = 0; index < items.length; index += 1) {
      shaping.path.push(index);
      const item = completeItem(items[index], shaping, member);
      shaping.path.pop();
      if (item === undefined) isNull = true;
      else items[index] = item;
    }
    return isNull ? null : items;
  };
  return nullable((value, shaping, member) => {
    if (Array.isArray(value)) return completeItems(value, shaping, member);
    return wrong(
      shaping,
      member,
      `Invalid non-list value (${kindOf(value)}) returned by subgraph for list type ${type}`,
    );
  });
}

function completeLeaf(type: GraphQLLeafType): Complete {
  const isValid = leafCheck(type);
  return nullable((value, shaping, member) => {
    if (isValid(value)) return value;
    const place = describe(pathOf(shaping, member), type, member);
    return wrong(shaping, member, `Invalid value found for ${place}.`);
  });
}

const completeObject = nullable((value, shaping, member) => {
  const { objects } = member;
  if (objects === undefined) throw new Error(`a member of objects is expected, got ${member.name}`);
  const { path, unknown, unknownAbove } = shaping;
  const { type, shapeFor } = objects;
  if (!isJsonObject(value))
    return wrong(
      shaping,
      member,
      `Invalid non-object value (${kindOf(value)}) returned by subgraph for composite type ${type}`,
    );
  const shape = shapeFor(value['__typename']);
  if (shape === undefined)
    return wrong(shaping, member, `Invalid __typename found for object at ${describe(path, type, member)}.`);
  const asked = unknown.size > 0 ? unknown.get(value) : undefined;
  if (asked === undefined) return shape(value, shaping);
  unknownAbove.push(...asked);
  const shown = shape(value, shaping);
  unknownAbove.splice(-asked.length);
  return shown;
});

function nullable(complete: Complete): Complete {
  return (value, shaping, member) => {
    if (value === null) return null;
    if (value !== undefined) return complete(value, shaping, member);
    reportAbsent(shaping, pathOf(shaping, member));
    return null;
  };
}

/** Reports the value, and gives what is shown in its place. */
export function wrong(shaping: Shaping, member: Member, message: string): null {
  reportWrong(shaping, pathOf(shaping, member), message);
  return null;
}

/** The JSON type of a value, which itself belongs into no message. */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : `a ${typeof value}`;
}
