// Fields of types, for code that must handle each of them.

/**
 * Resolvers of at least those fields of `Type` (generated from the schema) that `Row` does not have. GraphQL takes a field
 * without a resolver from the row's member of that name; without such a member it is null for ever.
 */
export type FieldsBeside<Type, Row> = {
  readonly [Field in Exclude<keyof Type, keyof Row | '__typename'>]-?: unknown;
};

/** The names of the members of an object, of which the type knows all. */
export function keysOf<Type extends object>(object: Type): readonly Extract<keyof Type, string>[] {
  const keys: Extract<keyof Type, string>[] = [];
  for (const key in object) keys.push(key);
  return keys;
}
