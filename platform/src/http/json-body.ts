// Parses the JSON of a request body. A body with more values or deeper nesting than any request needs is refused before parsing:
// deep nesting overflows the stack of recursive code, and a million members make error messages long.
import { isUtf8 } from 'node:buffer';
import { badInput } from '../errors.ts';
import { isWellFormed } from '../validation.ts';
import { MalformedBody } from './error.ts';

const MAX_NESTING = 64;
/** The largest input has a dozen members, and no call takes a list. */
const MAX_VALUES = 1_000;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Where the string that begins at `start` ends; without an end: the length of the bytes. Most of a body is one long string. */
function endOfString(bytes: Buffer, start: number): number {
  for (let end = bytes.indexOf(QUOTE, start + 1); end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
    let before = end;
    while (bytes[before - 1] === BACKSLASH) before -= 1;
    // An even number of backslashes escapes itself and not the quotation mark.
    if ((end - before) % 2 === 0) return end;
  }
  return bytes.length;
}

/** Counts brackets and commas outside of strings. The parser finds syntax errors later. */
function isExcessive(bytes: Buffer, maxValues: number): boolean {
  let nesting = 0;
  let values = 1;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfString(bytes, at);
    else if (byte === COMMA) values += 1;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) nesting -= 1;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      nesting += 1;
      values += 1;
    }
    if (nesting > MAX_NESTING || values > maxValues) return true;
  }
  return false;
}

/** Matches an escaped half of a surrogate pair. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/** A reviver of JSON.parse. */
function refuseHalfCharacters(member: string, value: unknown): unknown {
  if (isWellFormed(member) && (typeof value !== 'string' || isWellFormed(value))) return value;
  throw badInput(member, 'expected whole characters, got half of a surrogate pair');
}

export interface JsonBounds {
  /** Infinity for a body from another service: then nesting is not limited either. */
  readonly maxValues?: number;
  /** The name of the text in messages. */
  readonly what?: string;
}

/**
 * Reads JSON in UTF-8 (RFC 8259, 8.1). A byte order mark at the start is ignored, as the RFC allows. Halves of
 * surrogate pairs, which JSON can escape and UTF-8 cannot write, are refused: all of them would be stored as U+FFFD.
 * @throws {MalformedBody} 400 when the bytes are not UTF-8 or not JSON, or have more than `maxValues` values or 64 levels
 * @throws {AppError} BAD_USER_INPUT that names the member with half a character
 */
export function parseJson(
  bytes: Buffer,
  { maxValues = MAX_VALUES, what = 'The body' }: JsonBounds = {},
): unknown {
  if (maxValues !== Number.POSITIVE_INFINITY && isExcessive(bytes, maxValues)) {
    throw new MalformedBody(
      `${what}: expected JSON with at most ${maxValues} values, nested at most ${MAX_NESTING} deep, got more.`,
    );
  }
  const text = decode(bytes, what);
  try {
    return JSON.parse(text, SURROGATE_ESCAPE.test(text) ? refuseHalfCharacters : undefined);
  } catch (error) {
    if (error instanceof SyntaxError) throw new MalformedBody(`${what}: expected well-formed JSON.`);
    throw error;
  }
}

const BYTE_ORDER_MARK = '\ufeff';

function decode(bytes: Buffer, what: string): string {
  if (!isUtf8(bytes)) throw new MalformedBody(`${what}: expected UTF-8, got other bytes.`);
  const text = bytes.toString('utf8');
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}
