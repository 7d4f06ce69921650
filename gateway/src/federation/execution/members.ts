// Access to members of JSON objects whose names come from a subgraph or a client. A name that every object inherits
// (`constructor`) is not a member, and `__proto__` is a name like any other.

export type JsonObject = Record<string, unknown>;

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value of the object's own member, or undefined. */
export function memberOf(object: JsonObject, name: string): unknown {
  const value = object[name];
  return value === undefined || Object.hasOwn(object, name) ? value : undefined;
}

export function setMember(object: JsonObject, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value;
  else Object.defineProperty(object, name, { value, configurable: true, enumerable: true, writable: true });
}

/** Whether every object inherits a property with this name. */
export const isInherited = (name: string): boolean => name in Object.prototype;

/**
 * Adds the members of `source` to `target`, as @apollo/gateway does: objects are merged, also in lists of the same
 * length. Any other value of `source` replaces that of `target`.
 */
export function mergeInto(target: JsonObject, source: JsonObject): void {
  for (const name in source) {
    const value = source[name];
    if (value === undefined) continue;
    const present = memberOf(target, name);
    if (present === undefined) setMember(target, name, value);
    else if (isJsonObject(value) && isJsonObject(present)) mergeInto(present, value);
    else if (Array.isArray(value) && Array.isArray(present) && value.length === present.length)
      mergeList(present, value);
    else setMember(target, name, value);
  }
}

function mergeList(target: unknown[], source: readonly unknown[]): void {
  source.forEach((value, index) => {
    const present = target[index];
    if (isJsonObject(value) && isJsonObject(present)) mergeInto(present, value);
    else target[index] = value;
  });
}
