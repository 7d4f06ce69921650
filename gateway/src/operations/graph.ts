// What the gateway derives from one supergraph.
import { buildSchema, type GraphQLSchema } from 'graphql';
import { type FieldWeights, fieldWeights } from './field-weights.ts';

export interface Graph {
  /** The composed SDL. */
  readonly sdl: string;
  /** The schema that clients see, with the checks of its scalars. */
  readonly schema: GraphQLSchema;
  /** The schema with the types and fields that clients do not see. */
  readonly supergraphSchema: GraphQLSchema;
  readonly weights: FieldWeights;
}

/** @param schema the API schema of the supergraph */
export const createGraph = (sdl: string, schema: GraphQLSchema): Graph => ({
  sdl,
  schema,
  // @apollo/gateway has validated the supergraph, which uses directives that graphql-js does not know.
  supergraphSchema: buildSchema(sdl, { assumeValid: true, assumeValidSDL: true }),
  weights: fieldWeights(sdl),
});
