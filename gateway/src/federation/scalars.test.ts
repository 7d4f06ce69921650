// The scalars of the real supergraph are checked, all of them.
import { readFile } from 'node:fs/promises';
import { ApolloGateway } from '@apollo/gateway';
import { SCALARS } from '@holdfast/platform/graphql/scalars';
import { describe, expect, it } from '@jest/globals';
import { buildSchema, type GraphQLSchema, isScalarType } from 'graphql';
import { checkScalars } from './scalars.ts';

async function apiSchema(): Promise<GraphQLSchema> {
  const supergraphSdl = await readFile(new URL('../../supergraph.graphql', import.meta.url), 'utf8');
  const gateway = new ApolloGateway({ supergraphSdl });
  const loaded = new Promise<GraphQLSchema>((resolve) => {
    gateway.onSchemaLoadOrUpdate((schemas) => resolve(schemas.apiSchema));
  });
  await gateway.load();
  await gateway.stop();
  return loaded;
}

describe('the scalars of the supergraph', () => {
  it('are all known, and checked as the subgraphs check them', async () => {
    const schema = await apiSchema();
    expect(checkScalars(schema)).toEqual([]);
    for (const [name, scalar] of Object.entries(SCALARS)) {
      const type = schema.getType(name);
      expect(isScalarType(type) && type.parseValue).toBe(scalar.parseValue);
    }
  });

  it('that nothing is known of are named', () => {
    expect(
      checkScalars(buildSchema('scalar Colour scalar Money type Query { a(b: Colour): Money }')),
    ).toEqual(['Colour']);
  });
});
