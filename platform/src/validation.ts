// Checks input by rules written with zod. For each field that breaks a rule, an error says what was expected and what came.
import type { z } from 'zod';

/** One field that breaks a rule. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** The member of a result union that tells a caller which fields break a rule. */
export interface InvalidInput {
  readonly __typename: 'InvalidInput';
  readonly code: 'INVALID_INPUT';
  readonly message: string;
  readonly errors: FieldError[];
}

/** One message for all errors: `Invalid input: \`sku\`: expected 1 to 64 characters, got 80.` */
export const fieldsMessage = (errors: readonly FieldError[]): string =>
  `Invalid input: ${errors.map(({ field, message }) => `\`${field}\`: ${message.replace(/\.$/, '')}`).join('; ')}.`;

export const invalidInput = (errors: FieldError[]): InvalidInput => ({
  __typename: 'InvalidInput',
  code: 'INVALID_INPUT',
  message: fieldsMessage(errors),
  errors,
});

export type Checked<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly invalid: InvalidInput };

/** A value for each field of `Input`, optional fields too. */
type EveryFieldOf<Input> = { readonly [Field in keyof Input]-?: unknown };

/**
 * Checks `input` against the rules of `schema`. The rules give the messages; each field has at most one error. This does not
 * compile while a field of the input has no rule, because the checked value would silently lack that field.
 */
export function check<Input, Value extends EveryFieldOf<Input>>(
  schema: z.ZodType<Value, NoInfer<Input>>,
  input: Input,
): Checked<Value> {
  const result = schema.safeParse(input);
  if (result.success) return { ok: true, value: result.data };
  const errors = new Map<string, FieldError>();
  for (const issue of result.error.issues) {
    const field = issue.path.join('.') || 'input';
    if (!errors.has(field)) errors.set(field, { field, message: issue.message });
  }
  return { ok: false, invalid: invalidInput([...errors.values()]) };
}

/** The rule of an optional field. Its value is then present and undefined, as `check` requires. */
export const optional = <Out, In>(rule: z.ZodType<Out, In>) => rule.optional().transform((value) => value);

/** Takes the rest of an object whose fields are all handled. Does not compile while the rest has a field. */
export const allHandled = (_rest: Readonly<Record<string, never>>): void => undefined;

const MAX_EXCERPT = 60;
/** Shortens a text for a message. */
export const excerpt = (text: string): string =>
  text.length <= MAX_EXCERPT ? text : `${text.slice(0, MAX_EXCERPT - 3)}…`;

/** How a message shows the value that came: short, and a text in quotes. Never use it for secrets. */
export function came(value: unknown): string {
  // A number such as 1e400 is read as Infinity, which JSON cannot write.
  if (typeof value === 'number') return String(value);
  // The text is shortened before it is quoted, so that the closing quote and whole escapes remain.
  if (typeof value === 'string') return JSON.stringify(excerpt(value));
  return excerpt(JSON.stringify(value) ?? 'no value');
}

/** Half of a surrogate pair: not valid UTF-16, and UTF-8 cannot write it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a text consists of whole characters. */
export const isWellFormed = (text: string): boolean => !LONE_SURROGATE.test(text);

/** Whether PostgreSQL can compare a column with a text: no U+0000, and whole characters. */
export const isStorable = (text: string): boolean => !text.includes('\0') && isWellFormed(text);

/** Control characters (C0, DEL and C1), and the two Unicode separators that end a line. */
const NOT_IN_A_LINE = /[\p{Control}\u2028\u2029]/u;

/** Whether a text is one line without control characters, in whole characters. */
export const isPlainText = (text: string): boolean => !NOT_IN_A_LINE.test(text) && isWellFormed(text);

const TABS_AND_LINE_BREAKS = /[\t\n\r\u2028\u2029]/g;

/** Whether a text has no control characters but tabs and line breaks, in whole characters. */
export const isMultilineText = (text: string): boolean => isPlainText(text.replace(TABS_AND_LINE_BREAKS, ''));

/**
 * Characters that a reader cannot see: spaces, Unicode's ignorable characters (zero-width characters, fillers, variation
 * selectors), formats, marks without a letter, noncharacters, and the few letters and symbols that are drawn blank
 * (in Braille, in music, in hieroglyphs).
 */
const INVISIBLE =
  /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Control}\p{Format}\p{Mark}\p{Noncharacter_Code_Point}\u2800\u{1d159}\u{13441}\u{13442}]*$/u;

/** Whether a text has at least one visible character. */
export const isVisible = (text: string): boolean => !INVISIBLE.test(text);

/** The length in characters (code points), as PostgreSQL and JSON Schema count. */
export const lengthOf = (text: string): number => text.replace(/[\u{10000}-\u{10ffff}]/gu, ' ').length;
