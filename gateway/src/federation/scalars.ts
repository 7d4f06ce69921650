// Adds the checks of our scalars to the API schema. The supergraph knows the names of scalars only, so the built schema would
// accept any value. A subgraph would find a wrong value after other subgraphs have executed their part.
import { SCALARS } from '@holdfast/platform/graphql/scalars';
import { type GraphQLSchema, isScalarType, isSpecifiedScalarType } from 'graphql';

/**
 * Adds checks of literals and variables to the custom scalars of `schema`, in place, because operations are validated with
 * this object. Returns the names of unknown scalars, whose values stay unchecked.
 */
export function checkScalars(schema: GraphQLSchema): string[] {
  const unknown: string[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isScalarType(type) || isSpecifiedScalarType(type)) continue;
    const known = Object.hasOwn(SCALARS, type.name) ? SCALARS[type.name] : undefined;
    if (known) {
      type.serialize = known.serialize;
      type.parseValue = known.parseValue;
      type.parseLiteral = known.parseLiteral;
    } else unknown.push(type.name);
  }
  return unknown;
}
