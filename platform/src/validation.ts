// Rules for input, written with zod; what breaks one is said field by field: what was expected and what came.
import type { z } from 'zod';

/** One field that breaks a rule. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** The union member that tells a caller which fields to mend. */
export interface InvalidInput {
  readonly __typename: 'InvalidInput';
  readonly code: 'INVALID_INPUT';
  readonly message: string;
  readonly errors: FieldError[];
}

export function invalidInput(errors: FieldError[]): InvalidInput {
  const fields = errors.map(({ field }) => field).join(', ');
  return { __typename: 'InvalidInput', code: 'INVALID_INPUT', message: `Please mend: ${fields}.`, errors };
}

export type Checked<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly invalid: InvalidInput };

/** Checks `input` against the rules of `schema`; the messages come from the rules, one error a field. */
export function check<Value>(schema: z.ZodType<Value>, input: unknown): Checked<Value> {
  const result = schema.safeParse(input);
  if (result.success) return { ok: true, value: result.data };
  const errors = new Map<string, FieldError>();
  for (const issue of result.error.issues) {
    const field = issue.path.join('.') || 'input';
    if (!errors.has(field)) errors.set(field, { field, message: issue.message });
  }
  return { ok: false, invalid: invalidInput([...errors.values()]) };
}

const MAX_EXCERPT = 60;
/** A text that may be long, short enough for a message. */
export const excerpt = (text: string): string =>
  text.length <= MAX_EXCERPT ? text : `${text.slice(0, MAX_EXCERPT - 3)}…`;

/** How a value that came is named in a message: short, quoted. Never for secrets. */
export function came(value: unknown): string {
  // JSON has no infinity, which is what a number such as 1e400 is read as.
  if (typeof value === 'number') return String(value);
  return excerpt(JSON.stringify(value) ?? 'nothing');
}

/** U+0000, which PostgreSQL cannot store, and the other control characters but tab and line ends. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** Half of a character: not valid UTF-16, and not to be had in UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a text can be stored and shown: no control characters, no lone surrogates. */
export const isPlainText = (text: string): boolean => !CONTROL.test(text) && !LONE_SURROGATE.test(text);
