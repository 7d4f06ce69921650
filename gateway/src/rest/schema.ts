// Zod schemas that the REST shim's bodies, queries and replies share. Each body, query and reply is one strict schema:
// its check, its TypeScript type and its place in the OpenAPI document come from it, under the `id` of its metadata.
import { lengthOf } from '@holdfast/platform/validation';
import { z } from 'zod';
import { idInput } from './ids.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The JSON Schema of an object, with its members in it also when it has an id. */
export const jsonSchema = ({ shape }: z.ZodObject, io: 'input' | 'output'): JsonSchema =>
  z.toJSONSchema(z.object(shape), { io });

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

/** When the row of a thing was written. */
export const times = {
  created_at: dateTime.meta({ description: 'When it was made.' }),
  updated_at: dateTime.meta({ description: 'When it last changed.' }),
};

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

const header = (description: string, ...examples: readonly string[]) =>
  z.string().meta({ description, ...(examples.length > 0 && { examples }) });

/** Request header fields that several routes look at. */
export const IF_MATCH = header(
  'The ETag of the version to change, a list of them, or `*` for whatever is current.',
  '"1"',
);
export const IF_NONE_MATCH = header('The ETag of the version that the client has.', '"7"').optional();

/** Of a write that may do without `If-Match`, or must have it. */
export const CONDITIONS = z.object({
  'If-Match': IF_MATCH.optional(),
  // Without an example, which the reference would send beside the one of If-Match: `*` forbids every change.
  'If-None-Match': header(
    'ETags of versions at which nothing is to be changed, or `*` for every version.',
  ).optional(),
});
export const REQUIRED_CONDITIONS = CONDITIONS.extend({ 'If-Match': IF_MATCH });
