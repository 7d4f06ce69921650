// The fields of a type, for code that must handle each of them.

/**
 * Resolvers of at least those fields of `Type` (generated from the schema) that `Row` does not have. Without a resolver, GraphQL
 * reads the member of the row with the field's name; without such a member, the field is always null.
 */
export type FieldsBeside<Type, Row> = {
  readonly [Field in Exclude<keyof Type, keyof Row | '__typename'>]-?: unknown;
};

/** The names of the members of an object whose type has all of them. */
export function keysOf<Type extends object>(object: Type): readonly Extract<keyof Type, string>[] {
  const keys: Extract<keyof Type, string>[] = [];
  for (const key in object) keys.push(key);
  return keys;
}
