// What an id is in REST: its form in replies, bodies, queries and paths, and how it becomes GraphQL's and comes of it.
import { z } from 'zod';

export const ID_EXAMPLE = '0198c0de-7a11-7e57-8000-0000c0ffee01';

const form = { format: 'uuid', examples: [ID_EXAMPLE] };

/** An id as a reply shows it. */
export const id = z.string().meta(form);

/**
 * An id as a body or a query gives it, read as GraphQL's. Its format is documentation: a text that is no id names
 * nothing, which is for the subgraph to say.
 */
export const idInput = (description: string) => z.string().meta({ ...form, description });

/** The `{id}` of a path goes to GraphQL as it came: a text that is no id is found nowhere (404). */
export const PATH_ID = z.string();

/** GraphQL's id as a reply shows it. */
export const shownId = (graphqlId: string): z.infer<typeof id> => graphqlId;
