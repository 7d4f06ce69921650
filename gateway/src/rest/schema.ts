// Zod schemas that the REST shim's bodies, queries and replies share. Each body, query and reply is one strict schema:
// its check, its TypeScript type and its place in the OpenAPI document come from it.
import { lengthOf } from '@holdfast/platform/validation';
import { z } from 'zod';
import { idInput } from './ids.ts';

/** A schema that has its own place under `components/schemas` of the OpenAPI document. */
export interface NamedSchema<Schema extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly schema: Schema;
}

/** The largest GraphQL Int. */
export const MAX_INT = 2_147_483_647;

/**
 * A text of that many characters. They are counted as JSON Schema counts them, in code points; zod's own `min` and
 * `max` count UTF-16 units.
 */
export const text = ({ min = 0, max }: { readonly min?: number; readonly max: number }) =>
  z
    .string()
    .refine((value) => lengthOf(value) >= min && lengthOf(value) <= max)
    .meta({ ...(min > 0 && { minLength: min }), maxLength: max });

export const dateTime = z.string().meta({ format: 'date-time', examples: ['2026-11-23T08:15:30.000Z'] });

export const version = z.int32().min(1).meta({ description: 'Grows by one with every change.' });

export const amount = z
  .number()
  .min(0)
  .meta({ description: 'An amount of money with two decimals.', examples: [19.99] });

const timeAsItCame = dateTime.optional().meta({ description: 'the time, as it came', readOnly: true });

/** Members of a representation that a client may send back with a change and that change nothing. */
export const readOnlyMembers = {
  id: idInput('the id, as it came').optional().meta({ readOnly: true }),
  created_at: timeAsItCame,
  updated_at: timeAsItCame,
};

/** A whole number in its one spelling. (`Number` alone would read ` 5`, `0x10` and `1e1` as well.) */
const WHOLE_NUMBER = /^(0|-?[1-9]\d{0,14})$/;

/** A number of a query, which comes as text; a text that is written otherwise is left for the check to refuse. */
export const numberInQuery = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (WHOLE_NUMBER.test(String(value)) ? Number(value) : value), schema);

/** `true` or `false` in a query. */
export const flagInQuery = z.preprocess(
  (value) => (value === 'true' || value === 'false' ? value === 'true' : value),
  z.boolean(),
);

export const PAGE_PARAMETERS = {
  limit: numberInQuery(z.int().min(1).max(100).default(20)).meta({
    description: 'a whole number of 1 to 100',
  }),
  cursor: z.string().min(1).optional().meta({ description: 'the cursor of the Link to the next page' }),
};

/** A request header field that a route looks at. */
export interface Header {
  readonly name: string;
  readonly schema: z.ZodString;
  readonly required?: boolean;
}

export const IF_MATCH: Header = {
  name: 'If-Match',
  schema: z.string().meta({
    description: 'The ETag of the version to change, a list of them, or `*` for whatever is current.',
    examples: ['"7"'],
  }),
};

export const IF_NONE_MATCH: Header = {
  name: 'If-None-Match',
  schema: z.string().meta({ description: 'The ETag of the version that the client has.', examples: ['"7"'] }),
};

/** `If-None-Match` of a write. */
export const UNLESS_MATCH: Header = {
  name: 'If-None-Match',
  schema: z.string().meta({
    description: 'ETags of versions at which nothing is to be changed, or `*` for every version.',
    examples: ['*'],
  }),
};
