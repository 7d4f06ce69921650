// The REST contract as an OpenAPI 3.1 document: @fastify/swagger's, of the routes' own schemas. Here is what it is told
// beside them: the header fields of replies, and the problems that any route can have.
import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { templateOf } from '../routes.ts';
import { PROBLEM, PROBLEMS, type ProblemCode, statusOf } from './problem.ts';
import { isSecured, type ReplySchema, type Route, type RouteDescription } from './route.ts';

interface HeaderDescription {
  readonly description: string;
  /** Whether every reply that lists it has it. */
  readonly required: boolean;
  readonly schema: { readonly type: 'string' };
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
const PROBLEM_HEADERS: Readonly<Record<string, Readonly<Record<string, HeaderDescription>>>> = {
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

/** The problems that a route can answer with, its own and those that come of what it takes. */
export function problemsOf({ schema, problems }: RouteDescription): readonly ProblemCode[] {
  return [
    ...(schema.body ? (['MALFORMED_JSON', 'CONTENT_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const) : []),
    ...(isSecured(schema) ? (['UNAUTHENTICATED'] as const) : []),
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

/** One reply a status; the codes that share it are listed in its description. */
const problemReplies = (codes: readonly ProblemCode[]) =>
  Object.fromEntries(
    [...Map.groupBy(codes, statusOf)].map(([status, ofStatus]) => [
      status,
      {
        description: ofStatus.map((code) => `\`${code}\`: ${PROBLEMS[code][1]}.`).join(' '),
        content: { 'application/problem+json': { schema: PROBLEM } },
      },
    ]),
  );

const NO_PARAMETERS = z.strictObject({});

/** A route's schema as Fastify gets it: with what need not be said of each route. */
export const wholeSchema = (description: RouteDescription): FastifySchema => ({
  querystring: NO_PARAMETERS,
  ...description.schema,
  response: {
    ...Object.fromEntries(Object.entries(description.schema.response).map(withoutContent)),
    ...problemReplies(problemsOf(description)),
  },
});

/** The type provider's way to say that a reply has no content. */
const withoutContent = ([status, reply]: [string, ReplySchema]): [string, unknown] => [
  status,
  reply.content ? reply : z.undefined().meta({ description: reply.description }),
];

const INFO = {
  title: 'holdfast',
  version: '1.0.0',
  description:
    'A store: accounts, a catalogue and orders. Every change of a thing names the version that it was made from.',
  license: { name: 'MIT', identifier: 'MIT' },
};

/** Lets `openApiDocument` document those of the routes that are added to the app after this. */
export async function documentRoutes(app: FastifyInstance, routes: readonly Route[]): Promise<void> {
  const tags = new Set(routes.flatMap(({ description }) => description.schema.tags));
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.1',
      info: INFO,
      servers: [{ url: '/' }],
      tags: [...tags].map((name) => ({ name })),
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    },
    hideUntagged: true,
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
}

interface Reply {
  headers?: Readonly<Record<string, HeaderDescription>>;
}

interface OpenApiDocument {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Reply>> }>>>
  >;
  readonly components: { schemas: Readonly<Record<string, object>> };
}

/** The document, as plain JSON, once the app is ready. */
export function openApiDocument(app: FastifyInstance, routes: readonly Route[]): OpenApiDocument {
  const document: OpenApiDocument = JSON.parse(JSON.stringify(app.swagger()).replaceAll(INPUT, ''));
  for (const { description } of routes) {
    const { method, url, schema } = description;
    const { responses = {} } = document.paths[templateOf(url)]?.[method.toLowerCase()] ?? {};
    for (const [status, reply] of Object.entries(responses))
      reply.headers = headersOf(status, schema.response[Number(status)]);
  }
  const { components } = document;
  components.schemas = eachOnce(components.schemas, routes);
  return document;
}

const headersOf = (status: string, reply: ReplySchema | undefined) => ({
  ...pick(...COMMON_HEADERS, ...(reply?.headers ?? [])),
  ...(reply === undefined && PROBLEM_HEADERS[status]),
});

/** What the type provider puts after the name of a schema, as a request may have it. */
const INPUT = /(?<="#\/components\/schemas\/\w+)Input(?=")/g;

/** The type provider gives each schema twice, for requests and for replies. Here each is used in one of the two only. */
function eachOnce(
  schemas: Readonly<Record<string, object>>,
  routes: readonly Route[],
): Readonly<Record<string, object>> {
  const ids = routes.map(({ description }) => description.schema.body?.meta()?.id);
  const bodies = new Set(ids);
  const names = Object.keys(schemas).filter((name) => !name.endsWith('Input'));
  return Object.fromEntries(
    names.map((name) => [
      name,
      (bodies.has(name) ? schemas[`${name}Input`] : openObjects(schemas[name])) ?? {},
    ]),
  );
}

/**
 * A reply has no other members than those named, but the next version may add some: so what is published leaves its
 * objects open, and a client that checks replies by it does not break then.
 */
const openObjects = (schema: object | undefined): object =>
  JSON.parse(
    JSON.stringify(schema, (key, value: unknown) => (key === 'additionalProperties' ? undefined : value)),
  );
