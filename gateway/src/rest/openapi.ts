// The REST contract as an OpenAPI 3.1 document: @fastify/swagger's, of the routes' own schemas. Here is what it is told
// beside them: the problems that any route can have, and the header fields of replies.
import swagger from '@fastify/swagger';
import { VERSION } from '@holdfast/platform/observability/version';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { templateOf } from '../routes.ts';
import { PROBLEM, PROBLEMS, type ProblemCode, statusOf } from './problem.ts';
import { type HeaderDescriptions, problemHeaders, replyHeaders } from './reply-headers.ts';
import { isSecured, type ReplySchema, type Route, type RouteDescription } from './route.ts';
import { TAGS } from './tags.ts';

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
  version: VERSION,
  description: `A store: accounts, a catalog and orders, as JSON over HTTP. GraphQL clients use \`/graphql\`, which has the
same rights, rules and outcomes.

1. **Sign in** with \`POST /login\`, and send the token as \`Authorization: Bearer …\`.
2. **Change** what is still as you saw it: a reply's \`ETag\` goes into \`If-Match\`. A change by another client in between makes
   yours 412, with the \`current_version\`.
3. **Order** with an \`Idempotency-Key\` of your own making: a call whose reply was lost can be sent again, and is one order.

Lists are arrays with a \`Link\` to the next page. Errors are \`application/problem+json\` (RFC 9457) with a \`code\` for
programs and a \`request_id\` to quote. What is too much is 429 with \`Retry-After\`.`,
  license: { name: 'MIT', identifier: 'MIT' },
};

const BEARER_TOKEN = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'The `token` of a session: `POST /login` opens one.',
} as const;

/** Lets `openApiDocument` document those of the routes that are added to the app after this. */
export async function documentRoutes(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.1',
      info: INFO,
      servers: [{ url: '/', description: 'The server that this document comes from' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: { securitySchemes: { bearer: BEARER_TOKEN } },
    },
    hideUntagged: true,
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
}

interface Reply {
  headers?: HeaderDescriptions;
}

interface OpenApiDocument {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly responses: Readonly<Record<string, Reply>>;
            readonly requestBody?: { required: boolean };
          }
        >
      >
    >
  >;
  readonly components: { schemas: Readonly<Record<string, object>> };
}

/** The document, as plain JSON, once the app is ready. */
export function openApiDocument(app: FastifyInstance, routes: readonly Route[]): OpenApiDocument {
  const document: OpenApiDocument = JSON.parse(JSON.stringify(app.swagger()).replaceAll(INPUT, ''));
  for (const { description } of routes) {
    const { method, url, schema } = description;
    const { responses = {}, requestBody } = document.paths[templateOf(url)]?.[method.toLowerCase()] ?? {};
    if (requestBody) requestBody.required = !schema.isBodyOptional;
    for (const [status, reply] of Object.entries(responses)) {
      const good = schema.response[Number(status)];
      reply.headers = good ? replyHeaders(good.headers ?? []) : problemHeaders(status);
    }
  }
  const { components } = document;
  components.schemas = eachOnce(components.schemas, routes);
  return document;
}

/** What the type provider puts after the name of a schema, as a request may have it. */
const INPUT = /(?<="#\/components\/schemas\/\w+)Input(?=")/g;

/**
 * The type provider gives each schema twice, for requests and for replies. Here each is used in one of the two only. It
 * leaves out the examples of a request's schema that makes something else of what came.
 */
function eachOnce(
  schemas: Readonly<Record<string, object>>,
  routes: readonly Route[],
): Readonly<Record<string, object>> {
  const bodies = new Map(
    routes.flatMap(({ description }) => {
      const { id, examples } = description.schema.body?.meta() ?? {};
      return id === undefined ? [] : [[id, { examples }]];
    }),
  );
  const names = Object.keys(schemas).filter((name) => !name.endsWith('Input'));
  return Object.fromEntries(
    names.map((name) => {
      const examples = bodies.get(name);
      return [name, examples ? { ...schemas[`${name}Input`], ...examples } : openObjects(schemas[name])];
    }),
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
