// The average lengths of the lists of introspection in a schema, so that introspection costs what it returns.
import {
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
} from 'graphql';

/** By the name of an introspection field: how often its selections occur in the reply. */
export type IntrospectionSizes = ReadonlyMap<string, number>;

const known = new WeakMap<GraphQLSchema, IntrospectionSizes>();

export function introspectionSizes(schema: GraphQLSchema): IntrospectionSizes {
  const sizes = known.get(schema) ?? measureLists(schema);
  known.set(schema, sizes);
  return sizes;
}

function measureLists(schema: GraphQLSchema): IntrospectionSizes {
  const types = Object.values(schema.getTypeMap());
  const directives = schema.getDirectives();
  const fields = types.flatMap(listFields);
  const takers = [...fields, ...directives];
  const average = (lengths: readonly number[]): number =>
    lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, lengths.length);
  const perType = (lengthOf: (type: GraphQLNamedType) => number) => average(types.map(lengthOf));
  return new Map([
    ['types', types.length],
    ['directives', directives.length],
    ['locations', average(directives.map(({ locations }) => locations.length))],
    ['fields', perType((type) => listFields(type).length)],
    ['args', average(takers.map(({ args }) => args.length))],
    ['inputFields', perType((type) => (isInputObjectType(type) ? Object.keys(type.getFields()).length : 0))],
    ['enumValues', perType((type) => (isEnumType(type) ? type.getValues().length : 0))],
    ['interfaces', perType((type) => (isFielded(type) ? type.getInterfaces().length : 0))],
    ['possibleTypes', perType((type) => (isAbstract(type) ? schema.getPossibleTypes(type).length : 0))],
    // About half of all types wrap another type (list or non-null), and half of those again.
    ['ofType', 0.5],
  ]);
}

const isFielded = (type: GraphQLNamedType) => isObjectType(type) || isInterfaceType(type);
const isAbstract = (type: GraphQLNamedType) => isInterfaceType(type) || isUnionType(type);
const listFields = (type: GraphQLNamedType) => (isFielded(type) ? Object.values(type.getFields()) : []);
