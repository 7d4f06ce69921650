// Ids in REST: their form in replies, bodies, queries and paths, and the conversion to and from GraphQL.
import { MAX_ID, parseId } from '@holdfast/platform/ids';
import { z } from 'zod';

export const ID_EXAMPLE = 1;

/** An id as a reply shows it. */
export const id = z
  .int()
  .min(1)
  .meta({ description: 'The id of the resource in other calls.', examples: [ID_EXAMPLE] });

/**
 * The id of a user or a product in a body or a query: an integer or its decimal text, converted to an id of GraphQL. A value
 * that cannot be an id is an error of the field.
 */
export const idInput = (what: string) =>
  z
    .union([z.int().min(1).max(MAX_ID), z.string().regex(/^[1-9]\d{0,9}$/)])
    .refine((given) => parseId(String(given)) !== undefined)
    .meta({ description: `${what}, an integer of 1 to ${MAX_ID}`, examples: [ID_EXAMPLE] })
    .transform(String);

/** The parameters of a path with an id. GraphQL receives the id unchanged, and a text that is not an id gives 404. */
export const PATH_ID = z.object({
  id: z.string().meta({
    type: 'integer',
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'The id, which lists and the `Location` of a new resource show.',
    examples: [ID_EXAMPLE],
  }),
});

/** Converts an id of GraphQL for a reply. */
export const shownId = (graphqlId: string): z.infer<typeof id> => Number(graphqlId);
