// Gives the API schema the scalars' own checks. The supergraph only knows their names, so that a schema built from it
// takes any value for any of them, and a wrong one would be found by a subgraph after others have executed their part.
import { SCALARS } from '@holdfast/platform/graphql/scalars';
import { type GraphQLSchema, isScalarType, isSpecifiedScalarType } from 'graphql';

/**
 * Lets `schema` check literals and variables of its custom scalars, in place: operations are validated with this very
 * object. Returns the names of scalars that are not known here, whose values stay unchecked.
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
