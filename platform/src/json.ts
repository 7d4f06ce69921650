// JSON of a request body, refused before anything is built of it when it has more in it than a request can need:
// deep nesting overflows the stack of whoever walks it, and a million members make every message about them long.
import { MalformedBody } from './http-fault.js';

const MAX_NESTING = 64;
/** No call takes a list, and the largest of inputs has a dozen members. */
const MAX_VALUES = 1_000;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const OPEN: ReadonlySet<number | undefined> = new Set([0x5b, 0x7b]);
const CLOSE: ReadonlySet<number | undefined> = new Set([0x5d, 0x7d]);

/** Counts brackets and commas outside of strings; whether they make sense is for the parser to say. */
function isExcessive(bytes: Buffer, maxValues: number): boolean {
  let nesting = 0;
  let values = 1;
  let isString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) isString = !isString;
    else if (isString) at += byte === BACKSLASH ? 1 : 0;
    else if (byte === COMMA) values += 1;
    else if (CLOSE.has(byte)) nesting -= 1;
    else if (OPEN.has(byte)) {
      nesting += 1;
      values += 1;
    }
    if (nesting > MAX_NESTING || values > maxValues) return true;
  }
  return false;
}

/** @throws {MalformedBody} 400 when the bytes are not JSON, or are more of it than `maxValues` or 64 levels */
export function parseJson(bytes: Buffer, maxValues = MAX_VALUES): unknown {
  if (isExcessive(bytes, maxValues)) {
    throw new MalformedBody(
      `A body of JSON with at most ${maxValues} values, nested at most ${MAX_NESTING} deep, is expected.`,
    );
  }
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new MalformedBody('A body of well-formed JSON is expected.');
  }
}
