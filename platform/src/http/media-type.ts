// Checks the media type of a body (RFC 9110, 8.3) and that its charset is UTF-8.

import { came } from '../validation.ts';
import { HttpError } from './error.ts';

const TYPE = /^[ \t]*([!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+)/;
const PARAMETER = /[ \t]*;[ \t]*(?:([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w-]+)|"([^"\\]*)"))?[ \t]*/y;

interface MediaType {
  /** Lower case. */
  readonly type: string;
  /** Lower case. All of them are checked, because another reader could use the second one. */
  readonly charsets: readonly string[];
}

/** Undefined for a malformed field. */
function parseMediaType(value: string): MediaType | undefined {
  const type = TYPE.exec(value);
  if (type === null) return undefined;
  const charsets: string[] = [];
  let at = type[0].length;
  while (at < value.length) {
    PARAMETER.lastIndex = at;
    const parameter = PARAMETER.exec(value);
    if (parameter === null) return undefined;
    const [, name, token, quoted] = parameter;
    if (name?.toLowerCase() === 'charset') charsets.push((token ?? quoted ?? '').toLowerCase());
    at = PARAMETER.lastIndex;
  }
  return { type: type[1]?.toLowerCase() ?? '', charsets };
}

/** The registered name, and a common other spelling. */
const UTF_8: ReadonlySet<string> = new Set(['utf-8', 'utf8']);

/** The usual spelling, which needs no parsing. */
const JSON_TYPE = 'application/json';

/** Whether a Content-Type is one of `accepted` (lower case), with any parameters. */
export const isOfType = (contentType: string, accepted: readonly string[]): boolean =>
  accepted.includes(contentType) || accepted.includes(parseMediaType(contentType)?.type ?? '');

/**
 * Checks the Content-Type of a request with a body.
 * @param field the field of the reply that lists the accepted types
 * @throws {HttpError} 415 unless it is one of `accepted` (lower case), in UTF-8 if it names a charset
 */
export function requireTextOfType(
  contentType: string | undefined,
  accepted: readonly string[],
  field: 'accept' | 'accept-patch' = 'accept',
): void {
  if (contentType !== undefined && accepted.includes(contentType)) return;
  if (contentType === JSON_TYPE && accepted.includes(JSON_TYPE)) return;
  const headers = { [field]: accepted.join(', ') };
  const mediaType = parseMediaType(contentType ?? '');
  if (mediaType === undefined || !accepted.includes(mediaType.type)) {
    const got = contentType === undefined ? 'none' : came(contentType);
    throw new HttpError(415, `Content-Type: expected ${accepted.join(' or ')}, got ${got}.`, headers);
  }
  const other = mediaType.charsets.find((charset) => !UTF_8.has(charset));
  if (other !== undefined)
    throw new HttpError(415, `Content-Type: expected the charset utf-8, got ${came(other)}.`, headers);
}
