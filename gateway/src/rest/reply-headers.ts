// The header fields of REST replies, as the OpenAPI document describes them.

interface HeaderDescription {
  readonly description: string;
  /** Whether every reply that lists it has it. */
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
  Location: always('Where the thing is to be found.'),
  Link: sometimes('`<…>; rel="next"` leads to the next page; absent on the last (RFC 8288).'),
  'Preference-Applied': sometimes('What of `Prefer` was followed (RFC 7240).'),
  'WWW-Authenticate': always('How to sign in (RFC 6750).'),
  'Retry-After': always('Seconds after which to try again.'),
  'RateLimit-Policy': sometimes(
    'The tightest limit that the call met: its name, calls `q` and seconds `w`. Absent where limits are off.',
  ),
  RateLimit: sometimes('What of it is left: calls `r`, and seconds `t` until it is whole again.'),
};

export type ReplyHeader = keyof typeof REPLY_HEADERS;

/** What every reply carries. */
const COMMON_HEADERS: readonly ReplyHeader[] = ['X-Request-Id', 'RateLimit-Policy', 'RateLimit'];

const CONFLICT_TAG = sometimes('The version of now, when it is the version that was wrong.');
const ACCEPTED = sometimes('The media types that are accepted.');

/** What problems carry beside these, by their status. */
const PROBLEM_HEADERS: Readonly<Record<string, HeaderDescriptions>> = {
  401: { 'WWW-Authenticate': REPLY_HEADERS['WWW-Authenticate'] },
  409: { ETag: CONFLICT_TAG },
  412: { ETag: REPLY_HEADERS.ETag },
  415: { Accept: ACCEPTED, 'Accept-Patch': ACCEPTED },
  429: { 'Retry-After': REPLY_HEADERS['Retry-After'] },
  503: { 'Retry-After': REPLY_HEADERS['Retry-After'] },
};

const described = (names: readonly ReplyHeader[]): HeaderDescriptions =>
  Object.fromEntries(names.map((name) => [name, REPLY_HEADERS[name]]));

/** Of a reply that is not a problem, with the fields of its own. */
export const replyHeaders = (own: readonly ReplyHeader[]): HeaderDescriptions =>
  described([...COMMON_HEADERS, ...own]);

export const problemHeaders = (status: string): HeaderDescriptions => ({
  ...described(COMMON_HEADERS),
  ...PROBLEM_HEADERS[status],
});
