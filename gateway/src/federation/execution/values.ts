// Checks values by their types. A value that does not fit becomes null, with an error. A null that the type does not allow
// makes the parent null.
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

/** The state of shaping one reply. */
export interface Shaping extends Errors {
  /** The variables as the client sent them. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Gives the value for the reply: null if it does not fit, undefined if the parent must be null. */
export type Complete = (value: unknown, shaping: Shaping, member: Member) => unknown;

/** Gives the object with exactly its members, in order; null when a member is null that must not be. */
export type CompleteObject = (data: JsonObject, shaping: Shaping) => JsonObject | null;

/** A member of an object in the reply. It holds what differs between operations; all operations share the checks of types. */
export interface Member {
  readonly name: string;
  /** The type of the selection set or fragment that contains the field, for messages. */
  readonly within: string;
  /** Whether the member is a leaf, which adds its name to the path only for an error. */
  readonly isLeaf: boolean;
  readonly complete: Complete;
  /** The shapes of the objects in the field; undefined for leaves. */
  readonly objects: Objects | undefined;
}

export interface Objects {
  readonly type: GraphQLCompositeType;
  /** The shape for the `__typename` of an object; undefined for an unknown type. */
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

/** Names the place of a value, in the words of @apollo/gateway. */
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
    return reportInvalid(
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
    return reportInvalid(shaping, member, `Invalid value found for ${place}.`);
  });
}

const completeObject = nullable((value, shaping, member) => {
  const { objects } = member;
  if (objects === undefined) throw new Error(`a member of objects is expected, got ${member.name}`);
  const { path, unknown, unknownAbove } = shaping;
  const { type, shapeFor } = objects;
  if (!isJsonObject(value))
    return reportInvalid(
      shaping,
      member,
      `Invalid non-object value (${kindOf(value)}) returned by subgraph for composite type ${type}`,
    );
  const shape = shapeFor(value['__typename']);
  if (shape === undefined)
    return reportInvalid(
      shaping,
      member,
      `Invalid __typename found for object at ${describe(path, type, member)}.`,
    );
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

/** Reports the value, and gives what the reply has in its place. */
export function reportInvalid(shaping: Shaping, member: Member, message: string): null {
  reportWrong(shaping, pathOf(shaping, member), message);
  return null;
}

/** The JSON type of a value, because a message must not contain the value itself. */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : `a ${typeof value}`;
}
