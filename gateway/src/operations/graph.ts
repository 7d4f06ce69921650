// What the gateway knows of one supergraph.
import { buildSchema, type GraphQLSchema } from 'graphql';
import { type FieldWeights, fieldWeights } from './field-weights.ts';

export interface Graph {
  /** The composed SDL. */
  readonly sdl: string;
  /** What clients see, with the checks of its scalars. */
  readonly schema: GraphQLSchema;
  /** With what clients do not see. */
  readonly supergraphSchema: GraphQLSchema;
  readonly weights: FieldWeights;
}

/** @param schema the API schema of the supergraph */
export const createGraph = (sdl: string, schema: GraphQLSchema): Graph => ({
  sdl,
  schema,
  // Apollo's gateway has checked it, and it uses federation's own directives.
  supergraphSchema: buildSchema(sdl, { assumeValid: true, assumeValidSDL: true }),
  weights: fieldWeights(sdl),
});
