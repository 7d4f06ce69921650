// The REST contract as an OpenAPI 3.1 document, made from the route table that serves the calls.
import { PATH_ID } from './ids.ts';
import { type JsonSchema, replySchema, requestSchema } from './json-schema.ts';
import { PROBLEM, PROBLEMS, type ProblemCode, statusOf } from './problem.ts';
import type { ReplyDescription, Route, RouteDescription } from './route.ts';

interface HeaderDescription {
  readonly description: string;
  /** Whether every reply that lists it has it. */
  readonly required: boolean;
  readonly schema: JsonSchema;
}

const always = (description: string): HeaderDescription => ({
  description,
  required: true,
  schema: { type: 'string' },
});
const sometimes = (description: string): HeaderDescription => ({ ...always(description), required: false });

/** Every header field that a reply can carry, by its name. */
const REPLY_HEADERS: Readonly<Record<string, HeaderDescription>> = {
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

/** What every reply carries. */
const COMMON_HEADERS = ['X-Request-Id', 'RateLimit-Policy', 'RateLimit'];

const CONFLICT_TAG = sometimes('The version of now, when it is the version that was wrong.');
const ACCEPTED = sometimes('The media types that are accepted.');

/** What problems carry beside these, by their status. */
const PROBLEM_HEADERS: Readonly<Record<number, Readonly<Record<string, HeaderDescription>>>> = {
  401: pick('WWW-Authenticate'),
  409: { ETag: CONFLICT_TAG },
  412: pick('ETag'),
  415: { Accept: ACCEPTED, 'Accept-Patch': ACCEPTED },
  429: pick('Retry-After'),
  503: pick('Retry-After'),
};

/** @throws when there is no such header, which is a fault of the route table */
function pick(...names: readonly string[]): Record<string, HeaderDescription> {
  return Object.fromEntries(
    names.map((name) => {
      const header = REPLY_HEADERS[name];
      if (header === undefined) throw new Error(`The reply header ${name} is not described.`);
      return [name, header];
    }),
  );
}

type Json = Readonly<Record<string, unknown>>;

const schemaReference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

/** The problems that a route can answer with, its own and those that come of what it takes. */
export function problemsOf({ secured, takes: { body }, problems }: RouteDescription): readonly ProblemCode[] {
  return [
    ...(body ? (['MALFORMED_JSON', 'CONTENT_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const) : []),
    ...(secured ? (['UNAUTHENTICATED'] as const) : []),
    'BAD_USER_INPUT',
    'INVALID_INPUT',
    ...problems,
    'REQUEST_TIMEOUT',
    'RATE_LIMITED',
    'HEADERS_TOO_LARGE',
    'INTERNAL_SERVER_ERROR',
    'SERVICE_UNAVAILABLE',
  ];
}

function goodReply({ description, content, headers = [] }: ReplyDescription): Json {
  const schema = content && schemaReference(content.schema.name);
  return {
    description,
    headers: pick(...COMMON_HEADERS, ...headers),
    ...(schema && {
      content: { 'application/json': { schema: content.list ? { type: 'array', items: schema } : schema } },
    }),
  };
}

/** One reply a status; the codes that share it are listed in its description. */
function problemReplies(codes: readonly ProblemCode[]): Json {
  const byStatus = Map.groupBy(codes, statusOf);
  return Object.fromEntries(
    [...byStatus].map(([status, ofStatus]) => [
      status,
      {
        description: ofStatus.map((code) => `\`${code}\`: ${PROBLEMS[code][1]}.`).join(' '),
        headers: { ...pick(...COMMON_HEADERS), ...PROBLEM_HEADERS[status] },
        content: { 'application/problem+json': { schema: schemaReference(PROBLEM.name) } },
      },
    ]),
  );
}

function parametersOf({ path, takes: { query }, headers = [] }: RouteDescription): Json[] {
  const id = { name: 'id', in: 'path', required: true, schema: requestSchema(PATH_ID) };
  return [
    ...(path.includes('{id}') ? [id] : []),
    ...Object.entries(requestSchema(query).properties ?? {}).map(([name, schema]) => ({
      name,
      in: 'query',
      schema,
    })),
    ...headers.map(({ name, schema, required = false }) => ({
      name,
      in: 'header',
      required,
      schema: requestSchema(schema),
    })),
  ];
}

function operationOf(description: RouteDescription): Json {
  const { operationId, summary, tag, secured, takes, replies } = description;
  const { body } = takes;
  return {
    operationId,
    summary,
    tags: [tag],
    parameters: parametersOf(description),
    ...(body && {
      requestBody: {
        required: true,
        content: Object.fromEntries(
          body.mediaTypes.map((type) => [type, { schema: schemaReference(body.schema.name) }]),
        ),
      },
    }),
    responses: {
      ...Object.fromEntries(Object.entries(replies).map(([status, reply]) => [status, goodReply(reply)])),
      ...problemReplies(problemsOf(description)),
    },
    security: secured ? [{ bearer: [] }] : [],
  };
}

/** The schemas of a route's body and replies, by their names. */
const schemasOf = ({ takes: { body }, replies }: RouteDescription): [string, JsonSchema][] => [
  ...(body ? [[body.schema.name, requestSchema(body.schema.schema)] satisfies [string, JsonSchema]] : []),
  ...Object.values(replies).flatMap(({ content }): [string, JsonSchema][] =>
    content ? [[content.schema.name, replySchema(content.schema.schema)]] : [],
  ),
];

/** The document, as plain JSON. */
export function openApiDocument(routes: readonly Route[]): Json {
  const descriptions = routes.map(({ description }) => description);
  const byPath = Map.groupBy(descriptions, ({ path }) => path);
  return {
    openapi: '3.1.1',
    info: {
      title: 'holdfast',
      version: '1.0.0',
      description:
        'A store: accounts, a catalogue and orders. Every change of a thing names the version that it was made from.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(descriptions.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: Object.fromEntries(
      [...byPath].map(([path, ofPath]) => [
        path,
        Object.fromEntries(
          ofPath.map((description) => [description.method.toLowerCase(), operationOf(description)]),
        ),
      ]),
    ),
    components: {
      schemas: {
        ...Object.fromEntries(descriptions.flatMap(schemasOf)),
        [PROBLEM.name]: replySchema(PROBLEM.schema),
      },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  };
}
