// Checks requests by the schemas of their routes. A message states the rule in the words of the published schema.
import { AppError } from '@holdfast/platform/errors';
import { came, type FieldError, fieldsMessage } from '@holdfast/platform/validation';
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { type JsonSchema, jsonSchema } from './schema.ts';

/** The error that names the invalid fields. */
export function invalidFields(errors: readonly FieldError[]): AppError {
  return new AppError('BAD_USER_INPUT', fieldsMessage(errors), { details: { errors } });
}

/** How messages name a body or a query and their parts. */
interface Words {
  /** The whole body or query. */
  readonly whole: string;
  /** One of its members. */
  readonly part: string;
}

const BODY: Words = { whole: 'the body', part: 'member' };
const QUERY: Words = { whole: 'the query', part: 'parameter' };

/**
 * Compiles the check of a schema for Fastify: an AppError BAD_USER_INPUT with one error for each invalid field. Unknown and
 * repeated parameters are refused, because ignoring a filter would give a wrong answer. (The compiler of the type provider
 * does not name the value that came.)
 */
export const validatorCompiler: FastifySchemaCompiler<z.ZodObject> = ({ schema, httpPart }) => {
  // A function for each header field checks it, and a path with an invalid id is answered with 404.
  if (httpPart === 'headers' || httpPart === 'params') return () => true;
  const rules = rulesOf(schema);
  const words = httpPart === 'querystring' ? QUERY : BODY;
  return (value) => {
    const { data, error } = schema.safeParse(value, { reportInput: true });
    return error ? { error: invalidFields(fieldErrors(rules, error.issues, words)) } : { value: data };
  };
};

type Rules = Readonly<Record<string, JsonSchema>>;

/** The published rule of each member; `description` states the rule in words. */
function rulesOf(schema: z.ZodObject): Rules {
  const { properties = {} } = jsonSchema(schema, 'input');
  return Object.fromEntries(
    Object.keys(schema.shape).map((name) => {
      const rule = properties[name];
      return [name, typeof rule === 'object' ? rule : {}];
    }),
  );
}

/** The most errors in one reply. */
const MAX_FIELDS = 20;

/** One error for each field: missing fields, then unknown fields, then broken rules, each in the order of the fields. */
function fieldErrors(rules: Rules, issues: readonly z.core.$ZodIssue[], words: Words): FieldError[] {
  const isUnknown = ({ code }: z.core.$ZodIssue) => code === 'unrecognized_keys';
  const isMissing = (issue: z.core.$ZodIssue) => issue.path.length === 1 && issue.input === undefined;
  const rank = (issue: z.core.$ZodIssue) => (isMissing(issue) ? 0 : isUnknown(issue) ? 1 : 2);
  const byField = new Map<string, FieldError>();
  for (const issue of issues.toSorted((a, b) => rank(a) - rank(b)))
    for (const error of errorsOf(rules, issue, words))
      if (!byField.has(error.field)) byField.set(error.field, error);
  return [...byField.values()].slice(0, MAX_FIELDS);
}

function errorsOf(rules: Rules, issue: z.core.$ZodIssue, words: Words): FieldError[] {
  const { whole, part } = words;
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(rules).join(', ');
    const expected = known === '' ? `no ${part}s` : `one of ${known}`;
    return issue.keys.map((key) => ({
      field: key.slice(0, 100),
      message: `expected ${expected}, got an unknown ${part}`,
    }));
  }
  const [field] = issue.path;
  if (field === undefined) return [{ field: whole, message: `expected an object, got ${came(issue.input)}` }];
  // Fastify turns a repeated parameter into a list, and no parameter is a list.
  if (words === QUERY && Array.isArray(issue.input))
    return [{ field: String(field), message: 'expected one value, got more than one' }];
  const rule = rules[String(field)];
  const expected = rule?.description ?? (issue.input === undefined ? 'a value' : 'another value');
  return [{ field: String(field), message: `expected ${expected}, got ${quoteValue(rule, issue.input)}` }];
}

/** The value that came, unless it may be a secret. */
function quoteValue(rule: JsonSchema | undefined, value: unknown): string {
  if (rule?.['writeOnly'] !== true || value === undefined) return came(value);
  return typeof value === 'string'
    ? `${[...value].length} characters`
    : `something of type ${value === null ? 'null' : typeof value}`;
}
