// The fields of a GraphQL type against the row that it shows. GraphQL takes a field that has no resolver from the row's
// member of that name, and without such a member the field is null for ever.

/** Resolvers of at least those fields of `Type` (generated from the schema) that `Row` does not have. */
export type FieldsBeside<Type, Row> = {
  readonly [Field in Exclude<keyof Type, keyof Row | '__typename'>]-?: unknown;
};
