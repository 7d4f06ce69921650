// Finds requests that are refused at every path. HTTP leaves these checks to the server, and Node does not make them.
import type { IncomingMessage } from 'node:http';
import { type AppError, badInput } from '../errors.ts';
import { HttpError } from './error.ts';

/**
 * Fields with a single value on which this server decides. Node joins repeated fields to one value that neither field had.
 * (Lists such as `If-Match` and `Prefer` may come in several fields: RFC 9110, 5.3.)
 */
const SINGLE_FIELDS = [
  'Access-Control-Request-Method',
  'Authorization',
  'Content-Type',
  'Host',
  'Idempotency-Key',
  'Origin',
  'Service-Authorization',
  'X-Request-Timeout-Ms',
];
const SINGLE_FIELD_KEYS = SINGLE_FIELDS.map((name) => name.toLowerCase());

/** The first of the SINGLE_FIELDS that the request has more than once. */
function findRepeatedField({ headers, rawHeaders }: IncomingMessage): string | undefined {
  // Node puts a comma between the values that it joins: without a comma no field is repeated.
  const mayRepeat = SINGLE_FIELD_KEYS.some((key) => headers[key]?.includes(','));
  return mayRepeat ? findRepeated(rawHeaders) : undefined;
}

function findRepeated(rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>();
  // Names are at even places, their values behind them.
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const key = rawHeaders[at]?.toLowerCase() ?? '';
    if (seen.has(key)) return SINGLE_FIELDS[SINGLE_FIELD_KEYS.indexOf(key)];
    if (SINGLE_FIELD_KEYS.includes(key)) seen.add(key);
  }
  return undefined;
}

/** Whether each % begins the escape of a byte, and the bytes are UTF-8 (RFC 3986, 2.5). */
function isPercentEncoded(text: string): boolean {
  if (!text.includes('%')) return true;
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns why the request is refused at every path; undefined when it is not.
 * @param maxAuthorization in bytes: the gateway forwards the field, so it must fit into the limits of the next server
 */
export function findRequestError(
  message: IncomingMessage,
  { path, query }: { readonly path: string; readonly query: string },
  maxAuthorization: number,
): AppError | HttpError | undefined {
  const { headers } = message;
  // RFC 9112, 3.2.
  if (headers.host === undefined && message.httpVersion === '1.1')
    return badInput('Host', 'expected the name of the server, got no value');
  const repeated = findRepeatedField(message);
  if (repeated !== undefined) return badInput(repeated, 'expected one field, got more than one');
  const { length } = headers.authorization ?? '';
  if (length > maxAuthorization)
    return new HttpError(431, `Authorization: expected at most ${maxAuthorization} bytes, got ${length}.`);
  const faulty = !isPercentEncoded(path) ? 'path' : !isPercentEncoded(query) ? 'query' : undefined;
  return faulty && badInput(faulty, 'expected percent-encoded UTF-8, with %25 for a percent sign');
}
