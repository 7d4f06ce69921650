// The JSON Schema (2020-12, as OpenAPI 3.1 has it) of a zod schema.
import { z } from 'zod';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The dialect is the document's, so no schema in it names one. */
function withoutDialect({ $schema: _, ...schema }: JsonSchema): JsonSchema {
  return schema;
}

/** Of what a request may have: an object has the members named, and no others. */
export const requestSchema = (schema: z.ZodType): JsonSchema =>
  withoutDialect(z.toJSONSchema(schema, { io: 'input' }));

/**
 * Of what a reply has. A reply has no other members than those named, but the next version may add some: so what is
 * published leaves its objects open, and a client that checks replies by it does not break then.
 */
export const replySchema = (schema: z.ZodType): JsonSchema =>
  withoutDialect(
    z.toJSONSchema(schema, {
      io: 'output',
      override: ({ jsonSchema }) => {
        delete jsonSchema.additionalProperties;
      },
    }),
  );
