// The graph of this repository: each part is described, its scalars are known, and its large fields have weights.
import { readFile } from 'node:fs/promises';
import { Supergraph } from '@apollo/federation-internals';
import { SCALARS } from '@holdfast/platform/graphql/scalars';
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
import { checkScalars } from '../federation/scalars.ts';
import { compose } from '../test/stub-system.ts';
import { fieldWeights } from './field-weights.ts';

/** The graph as clients see it, without the types and directives of the federation. */
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

  it('has the URL of the specification for each of its scalars', async () => {
    const scalars = Object.values((await apiSchema()).getTypeMap()).filter(
      (type) => isScalarType(type) && !isSpecifiedScalarType(type),
    );
    expect(scalars.map((type) => [type.name, isScalarType(type) && type.specifiedByURL])).toEqual([
      ['DateTime', 'https://www.rfc-editor.org/rfc/rfc3339#section-5.6'],
      ['Money', 'https://www.w3.org/TR/xmlschema11-2/#decimal'],
    ]);
  });
});

it('the check names every kind of part without a description', () => {
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

describe('the scalars of the supergraph', () => {
  it('are all known, and have the checks of the subgraphs', async () => {
    const schema = await apiSchema();
    expect(checkScalars(schema)).toEqual([]);
    for (const [name, scalar] of Object.entries(SCALARS)) {
      const type = schema.getType(name);
      expect(isScalarType(type) && type.parseValue).toBe(scalar.parseValue);
    }
  });

  it('are named when they are unknown', () => {
    expect(
      checkScalars(buildSchema('scalar Colour scalar Money type Query { a(b: Colour): Money }')),
    ).toEqual(['Colour']);
  });
});

describe('the weights of fields', () => {
  it('come from the schemas of the subgraphs', async () => {
    const sdl = await readFile(new URL('../../supergraph.graphql', import.meta.url), 'utf8');
    // 10,000 characters of up to four bytes.
    expect(fieldWeights(sdl)).toEqual(new Map([['Product.description', Math.ceil((10_000 * 4) / 1_024)]]));
  });

  it('count for the interfaces of a type as well, the heaviest for all', () => {
    const header = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@cost"])';
    const sdl = compose({
      texts: `${header} type Query { texts: [Text!]! } interface Text { body: String title: String }
      type Note implements Text { body: String @cost(weight: 3) title: String }
      type Book implements Text { body: String @cost(weight: 900) title: String }`,
    });
    expect(fieldWeights(sdl)).toEqual(
      new Map([
        ['Note.body', 3],
        ['Book.body', 900],
        ['Text.body', 900],
      ]),
    );
  });
});
