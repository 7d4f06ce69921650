// What makes a request unfit at every path: HTTP leaves it to the server to refuse these, and Node lets them pass.
import type { IncomingMessage } from 'node:http';
import { type AppError, badInput } from '../errors.ts';
import { HttpError } from './error.ts';

/**
 * Fields with one value by which something here is decided. Node joins those that come twice to one value that
 * neither of them had. (Lists as `If-Match` and `Prefer` may come in several fields: RFC 9110, 5.3.)
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

/** The first field that has one value and came more than once. */
function repeatedField({ headers, rawHeaders }: IncomingMessage): string | undefined {
  // Node puts a comma between the values that it joins: without one there is nothing to count.
  const mayRepeat = SINGLE_FIELD_KEYS.some((key) => headers[key]?.includes(','));
  return mayRepeat ? countedTwice(rawHeaders) : undefined;
}

function countedTwice(rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>();
  // Names and values take turns.
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const key = rawHeaders[at]?.toLowerCase() ?? '';
    if (seen.has(key)) return SINGLE_FIELDS[SINGLE_FIELD_KEYS.indexOf(key)];
    if (SINGLE_FIELD_KEYS.includes(key)) seen.add(key);
  }
  return undefined;
}

/** Whether every % begins the escape of a byte, and the bytes are UTF-8 (RFC 3986, 2.5). */
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
 * Why the request is refused at every path; undefined when it is fit.
 * @param target what its line asks for
 * @param maxAuthorization in bytes: what is forwarded to another server must fit into that one's bounds
 */
export function requestError(
  message: IncomingMessage,
  { path, query }: { readonly path: string; readonly query: string },
  maxAuthorization: number,
): AppError | HttpError | undefined {
  const { headers } = message;
  // RFC 9112, 3.2.
  if (headers.host === undefined && message.httpVersion === '1.1')
    return badInput('Host', 'expected the name of the server, got nothing');
  const repeated = repeatedField(message);
  if (repeated !== undefined) return badInput(repeated, 'expected one field, got more than one');
  const { length } = headers.authorization ?? '';
  if (length > maxAuthorization)
    return new HttpError(
      431,
      `Authorization of at most ${maxAuthorization} bytes is expected, got ${length}.`,
    );
  const faulty = !isPercentEncoded(path) ? 'path' : !isPercentEncoded(query) ? 'query' : undefined;
  return faulty && badInput(faulty, 'expected percent-encoded UTF-8, with %25 for a percent sign');
}
