// The header fields of REST replies, as the OpenAPI document describes them.

interface HeaderDescription {
  readonly description: string;
  /** Whether every reply that lists the field has it. */
  readonly required: boolean;
  readonly schema: { readonly type: 'string' };
}

export type HeaderDescriptions = Readonly<Record<string, HeaderDescription>>;

const always = (description: string): HeaderDescription => ({
  description,
  required: true,
  schema: { type: 'string' },
});
const sometimes = (description: string): HeaderDescription => ({ ...always(description), required: false });

/** Every header field that a reply can carry, by its name. */
const REPLY_HEADERS = {
  'X-Request-Id': always('The id of the request, in the logs of every service.'),
  ETag: always('The version as an entity tag, `"<version>"`.'),
  Location: always('The path of the new resource.'),
  Link: sometimes('`<…>; rel="next"` leads to the next page; absent on the last (RFC 8288).'),
  'Preference-Applied': sometimes('The preferences of `Prefer` that were applied (RFC 7240).'),
  'WWW-Authenticate': always('How to sign in (RFC 6750).'),
  'Retry-After': always('Seconds to wait before the next try.'),
  'RateLimit-Policy': sometimes(
    'The limit that the call is closest to: its name, calls `q` and seconds `w`. Absent when limits are off.',
  ),
  RateLimit: sometimes(
    'What is left of this limit: calls `r`, and seconds `t` until all calls are available again.',
  ),
};

export type ReplyHeader = keyof typeof REPLY_HEADERS;

/** The header fields of every reply. */
const COMMON_HEADERS: readonly ReplyHeader[] = ['X-Request-Id', 'RateLimit-Policy', 'RateLimit'];

const CONFLICT_TAG = sometimes('The current version, when the version of the request was stale.');
const ACCEPTED = sometimes('The media types that are accepted.');

/** Further header fields of problems, by status. */
const PROBLEM_HEADERS: Readonly<Record<string, HeaderDescriptions>> = {
  401: { 'WWW-Authenticate': REPLY_HEADERS['WWW-Authenticate'] },
  409: { ETag: CONFLICT_TAG },
  412: { ETag: REPLY_HEADERS.ETag },
  415: { Accept: ACCEPTED, 'Accept-Patch': ACCEPTED },
  429: { 'Retry-After': REPLY_HEADERS['Retry-After'] },
  503: { 'Retry-After': REPLY_HEADERS['Retry-After'] },
};

const describeHeaders = (names: readonly ReplyHeader[]): HeaderDescriptions =>
  Object.fromEntries(names.map((name) => [name, REPLY_HEADERS[name]]));

/** The header fields of a reply that is not a problem, with those of its own. */
export const replyHeaders = (own: readonly ReplyHeader[]): HeaderDescriptions =>
  describeHeaders([...COMMON_HEADERS, ...own]);

export const problemHeaders = (status: string): HeaderDescriptions => ({
  ...describeHeaders(COMMON_HEADERS),
  ...PROBLEM_HEADERS[status],
});
