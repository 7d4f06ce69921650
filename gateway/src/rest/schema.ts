// Zod schemas that the bodies, queries and replies of REST share. Each body, query and reply is one strict schema, which gives
// its check, its TypeScript type and its part of the OpenAPI document, under the `id` of its metadata.
import { lengthOf } from '@holdfast/platform/validation';
import { z } from 'zod';
import { idInput } from './ids.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The JSON Schema of an object, with its members inline even if the object has an id. */
export const jsonSchema = ({ shape }: z.ZodObject, io: 'input' | 'output'): JsonSchema =>
  z.toJSONSchema(z.object(shape), { io });

/** The largest GraphQL Int. */
export const MAX_INT = 2_147_483_647;

/**
 * A text with a length in code points, as JSON Schema counts. (`min` and `max` of zod count UTF-16 units.)
 */
export const text = ({ min = 0, max }: { readonly min?: number; readonly max: number }) =>
  z
    .string()
    .refine((value) => lengthOf(value) >= min && lengthOf(value) <= max)
    .meta({ ...(min > 0 && { minLength: min }), maxLength: max });

export const dateTime = z.string().meta({ format: 'date-time', examples: ['2026-11-23T08:15:30.000Z'] });

/** The times when the resource was created and last changed. */
export const times = {
  created_at: dateTime.meta({ description: 'When the resource was created.' }),
  updated_at: dateTime.meta({ description: 'When the resource last changed.' }),
};

export const version = z
  .int32()
  .min(1)
  .meta({ description: 'The version of the resource, which every change increases by one.' });

export const amount = z
  .number()
  .min(0)
  .meta({ description: 'An amount of money with two decimals.', examples: [19.99] });

const receivedTime = dateTime.optional().meta({ description: 'the time, as received', readOnly: true });

/** Members of a representation that a client may send back with a change, and that the gateway ignores. */
export const readOnlyMembers = {
  id: idInput('the id, as it came').optional().meta({ readOnly: true }),
  created_at: receivedTime,
  updated_at: receivedTime,
};

/** A whole number in its only valid spelling. (`Number` would also read ` 5`, `0x10` and `1e1`.) */
const WHOLE_NUMBER = /^(0|-?[1-9]\d{0,14})$/;

/** A number in a query, which is text. A text that is not a whole number stays text, and the check refuses it. */
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

/** Request header fields that several routes use. */
export const IF_MATCH = header(
  'The ETag of the version to change, a list of them, or `*` for the current version.',
  '"1"',
);
export const IF_NONE_MATCH = header('The ETag of the version that the client has.', '"7"').optional();

/** The conditions of a write that may omit `If-Match`, and of a write that requires it. */
export const CONDITIONS = z.object({
  'If-Match': IF_MATCH.optional(),
  // No example, because the reference page would send it together with that of If-Match, and `*` forbids every change.
  'If-None-Match': header(
    'ETags of the versions that must not be changed, or `*` for every version.',
  ).optional(),
});
export const REQUIRED_CONDITIONS = CONDITIONS.extend({ 'If-Match': IF_MATCH });
