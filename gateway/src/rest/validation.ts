// Checks what came against the route's own JSON Schemas; each broken rule is said in the schema's words.
import { AppError } from '@holdfast/platform/errors';
import { parseMoney } from '@holdfast/platform/money';
import { came, type FieldError } from '@holdfast/platform/validation';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import type { JsonSchema } from './schema.ts';

/** Returns the value when it fits its schema. @throws {AppError} BAD_USER_INPUT with one error for each field that does not */
export type Reader<Value> = (value: unknown) => Value;

// The formats left to the subgraphs are documentation here: an id that is none is simply not found.
const formats = {
  uuid: true,
  'date-time': true,
  email: true,
  password: true,
  money: { type: 'number', validate: (value: number) => parseMoney(value) !== undefined },
} as const;

const ajv = new Ajv2020({
  allErrors: true,
  verbose: true,
  allowUnionTypes: true,
  useDefaults: true,
  formats,
});

/** Says to the caller which fields to mend. */
export function invalidFields(errors: readonly FieldError[]): AppError {
  const fields = errors.map(({ field }) => field).join(', ');
  return new AppError('BAD_USER_INPUT', `Please mend: ${fields}.`, { details: { errors } });
}

/** A reader of JSON bodies. The schema is compiled once, here. */
export function bodyReader<Body>(schema: JsonSchema): Reader<Body> {
  const fits = ajv.compile<Body>(schema);
  return (value) => {
    if (fits(value)) return value;
    throw invalidFields(fieldErrors(schema, fits.errors ?? [], 'the body', 'member'));
  };
}

/** A whole number in its one spelling. (`Number` and ajv's coercion would read ` 5`, `0x10` and `1e1` as well.) */
const WHOLE_NUMBER = /^(0|-?[1-9]\d{0,14})$/;

/** The text of a parameter as the type of its schema, if it is written as one; the schema's check refuses others. */
function typed({ type }: JsonSchema, text: string): string | number | boolean {
  if (type === 'integer' && WHOLE_NUMBER.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/**
 * A reader of query strings (without the question mark) into the types of their schemas. Parameters that are unknown
 * or come twice are refused: a filter that is silently ignored is a wrong answer.
 */
export function queryReader<Query>(
  properties: Readonly<Record<string, JsonSchema>>,
): (query: string) => Query {
  const schema: JsonSchema = { type: 'object', properties, additionalProperties: false };
  const fits = ajv.compile<Query>(schema);
  return (query) => {
    const values: Record<string, unknown> = Object.create(null);
    for (const [name, value] of new URLSearchParams(query)) {
      if (name in values)
        throw invalidFields([{ field: name, message: 'expected once, came more than once' }]);
      values[name] = typed(properties[name] ?? {}, value);
    }
    // ajv adds defaults in place; a copy with a prototype is what it knows how to look at.
    const complete: unknown = { ...values };
    if (fits(complete)) return complete;
    throw invalidFields(fieldErrors(schema, fits.errors ?? [], 'the query', 'parameter'));
  };
}

/** Enough to mend what is wrong. */
const MAX_FIELDS = 20;

/** One error a field, in the order of the fields. */
function fieldErrors(
  schema: JsonSchema,
  errors: readonly ErrorObject[],
  whole: string,
  part: string,
): FieldError[] {
  const byField = new Map<string, FieldError>();
  for (const error of errors) {
    if (byField.size === MAX_FIELDS) break;
    const found = fieldError(schema, error, whole, part);
    if (!byField.has(found.field)) byField.set(found.field, found);
  }
  return [...byField.values()];
}

function fieldError(schema: JsonSchema, error: ErrorObject, whole: string, part: string): FieldError {
  const properties = schema.properties ?? {};
  if (error.keyword === 'additionalProperties') {
    const field = String(error.params['additionalProperty']).slice(0, 100);
    const known = Object.keys(properties).join(', ');
    return {
      field,
      message: `expected ${known === '' ? `no ${part}s` : `one of ${known}`}, got an unknown ${part}`,
    };
  }
  if (error.keyword === 'required') {
    const field = String(error.params['missingProperty']);
    return { field, message: `expected ${properties[field]?.description ?? 'a value'}, got nothing` };
  }
  const field = error.instancePath.split('/')[1];
  if (field === undefined) return { field: whole, message: `expected an object, got ${came(error.data)}` };
  const rule = properties[field];
  return {
    field,
    message: `expected ${rule?.description ?? 'another value'}, got ${shown(rule, error.data)}`,
  };
}

/** What came, unless it may be a secret. */
function shown(rule: JsonSchema | undefined, value: unknown): string {
  if (rule?.writeOnly !== true) return came(value);
  return typeof value === 'string'
    ? `${[...value].length} characters`
    : `something of type ${value === null ? 'null' : typeof value}`;
}
