// What the graph says of itself: everything that a client can name is described, and each scalar says where it is specified.
import { readFile } from 'node:fs/promises';
import { Supergraph } from '@apollo/federation-internals';
import { describe, expect, it } from '@jest/globals';
import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
} from 'graphql';

/** As clients see it: without the machinery of the federation. */
async function apiSchema(): Promise<GraphQLSchema> {
  const sdl = await readFile(new URL('../../supergraph.graphql', import.meta.url), 'utf8');
  return Supergraph.build(sdl).apiSchema().toGraphQLJSSchema();
}

type Part = readonly [name: string, description: string | null | undefined];

const argumentsOf = (field: string, args: readonly GraphQLArgument[]): Part[] =>
  args.map(({ name, description }) => [`${field}(${name}:)`, description]);

/** What is in a type, by its schema coordinate (https://spec.graphql.org/draft/#sec-Schema-Coordinates). */
function partsOf(type: GraphQLNamedType): Part[] {
  if (isEnumType(type))
    return type.getValues().map(({ name, description }) => [`${type.name}.${name}`, description]);
  if (isInputObjectType(type))
    return Object.values(type.getFields()).map(({ name, description }) => [
      `${type.name}.${name}`,
      description,
    ]);
  if (!isObjectType(type) && !isInterfaceType(type)) return [];
  return Object.values(type.getFields()).flatMap(({ name, description, args }): Part[] => {
    const field = `${type.name}.${name}`;
    return [[field, description], ...argumentsOf(field, args)];
  });
}

function partsOfSchema(schema: GraphQLSchema): Part[] {
  const own = Object.values(schema.getTypeMap()).filter(
    (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
  );
  return own.flatMap((type): Part[] => [[type.name, type.description], ...partsOf(type)]);
}

const undescribed = (schema: GraphQLSchema): string[] =>
  partsOfSchema(schema).flatMap(([name, description]) => ((description ?? '').trim() === '' ? [name] : []));

describe('the graph', () => {
  it('describes every type, field, argument, enum value and input field', async () => {
    const schema = await apiSchema();
    const names = partsOfSchema(schema).map(([name]) => name);
    for (const kind of ['Order', 'Order.status', 'Query.orders(first:)', 'Role.STAFF', 'LoginInput.password'])
      expect(names).toContain(kind);
    expect(undescribed(schema)).toEqual([]);
  });

  it('says of each of its scalars where it is specified', async () => {
    const scalars = Object.values((await apiSchema()).getTypeMap()).filter(
      (type) => isScalarType(type) && !isSpecifiedScalarType(type),
    );
    expect(scalars.map((type) => [type.name, isScalarType(type) && type.specifiedByURL])).toEqual([
      ['DateTime', 'https://www.rfc-editor.org/rfc/rfc3339#section-5.6'],
      ['Money', 'https://www.w3.org/TR/xmlschema11-2/#decimal'],
    ]);
  });
});

it('names what is not described, of every kind', () => {
  const schema = buildSchema(`
    type Query { "fine" a("fine" b: C, d: Int): Int e: F }
    input C { "fine" g: Int h: Int }
    interface F { i: Int }
    "fine" type J implements F { "fine" i: Int "" k: L }
    enum L { "fine" M N }
    "fine" union O = J | Query
    scalar P`);
  expect(undescribed(schema).sort()).toEqual(
    ['C', 'C.h', 'F', 'F.i', 'J.k', 'L', 'L.N', 'P', 'Query', 'Query.a(d:)', 'Query.e'].sort(),
  );
});
