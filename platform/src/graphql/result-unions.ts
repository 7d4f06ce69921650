// The members of result unions: how the domain of a service types its problems, and how GraphQL tells which member came.

/**
 * A problem of the schema as the domain returns it: each field of `Type` (generated from the schema), its literal code, and the
 * database row `Row` in the place of the entity in `current`.
 */
export type Problem<Type, Code extends string, Row = never> = {
  readonly [Field in keyof Type]-?: Field extends 'code' ? Code : Field extends 'current' ? Row : Type[Field];
};

/** Resolves a member of a result union: a problem carries its `__typename`; an outcome without one is a row of `entity`. */
export const createMemberType =
  <Row extends object, Entity extends string>(entity: Entity) =>
  <Name extends string>(outcome: Row | { readonly __typename?: Name }): Name | Entity =>
    ('__typename' in outcome ? outcome.__typename : undefined) ?? entity;
