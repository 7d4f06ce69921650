// Checks what came against the route's own schemas; each broken rule is said in the words of the published schema.
import { AppError } from '@holdfast/platform/errors';
import { came, type FieldError, fieldsMessage } from '@holdfast/platform/validation';
import type { z } from 'zod';
import { type JsonSchema, requestSchema } from './json-schema.ts';

/** Says to the caller which fields to mend. */
export function invalidFields(errors: readonly FieldError[]): AppError {
  return new AppError('BAD_USER_INPUT', fieldsMessage(errors), { details: { errors } });
}

/** How messages name what is read. */
interface Words {
  /** All of it. */
  readonly whole: string;
  /** One of its members. */
  readonly part: string;
}

/** A check by one schema. @throws {AppError} BAD_USER_INPUT with one error for each field that breaks a rule */
function reader<Schema extends z.ZodObject>(
  schema: Schema,
  words: Words,
): (value: unknown) => z.infer<Schema> {
  const rules = rulesOf(schema);
  return (value) => {
    const { data, error } = schema.safeParse(value, { reportInput: true });
    if (error === undefined) return data;
    throw invalidFields(fieldErrors(rules, error.issues, words));
  };
}

/** A reader of JSON bodies. */
export const bodyReader = <Schema extends z.ZodObject>(
  schema: Schema,
): ((value: unknown) => z.infer<Schema>) => reader(schema, { whole: 'the body', part: 'member' });

/**
 * A reader of query strings (without the question mark). Parameters that are unknown or come twice are refused: a filter
 * that is silently ignored is a wrong answer.
 */
export function queryReader<Schema extends z.ZodObject>(schema: Schema): (query: string) => z.infer<Schema> {
  const read = reader(schema, { whole: 'the query', part: 'parameter' });
  return (query) => {
    const values: Record<string, unknown> = Object.create(null);
    for (const [name, value] of new URLSearchParams(query)) {
      if (name in values)
        throw invalidFields([{ field: name, message: 'expected once, came more than once' }]);
      values[name] = value;
    }
    return read(values);
  };
}

type Rules = Readonly<Record<string, JsonSchema>>;

/** The published rule of each member; `description` is the rule in words. */
function rulesOf(schema: z.ZodObject): Rules {
  const names = Object.keys(schema.shape);
  const properties = requestSchema(schema).properties ?? {};
  return Object.fromEntries(
    names.map((name) => {
      const rule = properties[name];
      return [name, typeof rule === 'object' ? rule : {}];
    }),
  );
}

/** Enough to mend what is wrong. */
const MAX_FIELDS = 20;

/** One error a field: what is missing, then what is unknown, then what breaks a rule, each in the order of the fields. */
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

function errorsOf(rules: Rules, issue: z.core.$ZodIssue, { whole, part }: Words): FieldError[] {
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
  const rule = rules[String(field)];
  const expected = rule?.description ?? (issue.input === undefined ? 'a value' : 'another value');
  return [{ field: String(field), message: `expected ${expected}, got ${shown(rule, issue.input)}` }];
}

/** What came, unless it may be a secret. */
function shown(rule: JsonSchema | undefined, value: unknown): string {
  if (rule?.['writeOnly'] !== true || value === undefined) return came(value);
  return typeof value === 'string'
    ? `${[...value].length} characters`
    : `something of type ${value === null ? 'null' : typeof value}`;
}
