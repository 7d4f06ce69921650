// Parses the text of a search: words, "phrases in quotes", and a `-` before a word or phrase that must not occur. There are no other
// operators. The terms become parameters of the SQL (product-search.ts).
import { came, isPlainText } from '@holdfast/platform/validation';
import { z } from 'zod';
import type { SearchTerms } from '../data/product-search.ts';

const MAX_LENGTH = 200;
const MAX_TERMS = 8;
const MAX_TERM_LENGTH = 64;

/** An optional sign, then a phrase (the closing quote of the last one may be missing) or a word. */
const TERM = /(?<sign>-?)(?:"(?<phrase>[^"]*)(?:"|$)|(?<word>[^\s"]+))/gu;
/** Phones and word processors write these in the place of `"`. */
const CURLY_QUOTES = /[\u201c-\u201f\u00ab\u00bb]/gu;
/** A term without a letter or digit, such as the `&` of "salt & pepper", is ignored. */
const SEARCHABLE = /[\p{L}\p{N}]/u;

interface Term {
  readonly kind: keyof SearchTerms;
  readonly text: string;
}

function parseTerms(text: string): Term[] {
  return [...text.replace(CURLY_QUOTES, '"').matchAll(TERM)]
    .map(({ groups: { sign, phrase, word = '' } = {} }): Term => {
      if (sign) return { kind: 'excluded', text: phrase ?? word };
      return phrase === undefined ? { kind: 'words', text: word } : { kind: 'phrases', text: phrase };
    })
    .filter((term) => SEARCHABLE.test(term.text));
}

/** The message for terms that break a rule; undefined when they break none. */
function checkTerms(terms: readonly Term[], text: string): string | undefined {
  const long = terms.find((term) => term.text.length > MAX_TERM_LENGTH);
  if (long)
    return `expected words and phrases of at most ${MAX_TERM_LENGTH} characters, got ${came(long.text)}`;
  if (terms.length > MAX_TERMS) return `expected at most ${MAX_TERMS} words and phrases, got ${terms.length}`;
  if (terms.some(({ kind }) => kind !== 'excluded')) return undefined;
  return `expected at least one word or phrase to look for, got ${came(text)}`;
}

const lengthRule = `expected 1 to ${MAX_LENGTH} characters, no control characters`;
const lengthError = (issue: { input?: unknown }) => `${lengthRule}, got ${came(issue.input)}`;

/** The rule of the argument `search`: takes a text and returns its terms. */
export const searchRule = z
  .string({ error: lengthError })
  .trim()
  .min(1, { error: lengthError })
  .max(MAX_LENGTH, { error: lengthError })
  .refine(isPlainText, { error: lengthError })
  .transform((text, context): SearchTerms => {
    const terms = parseTerms(text);
    const message = checkTerms(terms, text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
    const textsOf = (kind: Term['kind']) =>
      terms.filter((term) => term.kind === kind).map((term) => term.text);
    return { words: textsOf('words'), phrases: textsOf('phrases'), excluded: textsOf('excluded') };
  });
