// The REST contract as an OpenAPI 3.1 document. @fastify/swagger makes it from the schemas of the routes. This module adds the
// problems that any route can have, and the header fields of replies.
import swagger from '@fastify/swagger';
import { VERSION } from '@holdfast/platform/observability/version';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { templateOf } from '../http/routes.ts';
import { PROBLEM, PROBLEMS, type ProblemCode, statusOf } from './problem.ts';
import { type HeaderDescriptions, problemHeaders, replyHeaders } from './reply-headers.ts';
import { isSecured, type ReplySchema, type Route, type RouteDescription } from './route.ts';
import { TAGS } from './tags.ts';

/** The problems of a route: its own, and those that follow from its parameters and its body. */
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

/** One reply for each status; its description lists the codes that share the status. */
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

/** The schema of a route for Fastify, with the parts that all routes share. */
export const completeSchema = (description: RouteDescription): FastifySchema => ({
  querystring: NO_PARAMETERS,
  ...description.schema,
  response: {
    ...Object.fromEntries(Object.entries(description.schema.response).map(withoutContent)),
    ...problemReplies(problemsOf(description)),
  },
});

/** Describes a reply without content as the type provider expects it. */
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
2. **Change**: send the \`ETag\` of the reply that you read as \`If-Match\`. If another client has changed the resource in the
   meantime, the reply is 412 with the \`current_version\`.
3. **Order** with an \`Idempotency-Key\` that your client makes. If the reply is lost, send the same call again: it is one order.

Lists are arrays with a \`Link\` to the next page. Errors are \`application/problem+json\` (RFC 9457) with a \`code\` for
programs and a \`request_id\` to quote. A call above a limit receives 429 with \`Retry-After\`.`,
  license: { name: 'MIT', identifier: 'MIT' },
};

const BEARER_TOKEN = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'The `token` of a session, which `POST /login` returns.',
} as const;

/** Lets `openApiDocument` include the routes that are added to the app after this call. */
export async function documentRoutes(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.1',
      info: INFO,
      servers: [{ url: '/', description: 'The server of this document' }],
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

/** Creates the document as plain JSON, once the app is ready. */
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
  components.schemas = keepEachOnce(components.schemas, routes);
  return document;
}

/** The suffix that the type provider adds to the name of a schema of requests. */
const INPUT = /(?<="#\/components\/schemas\/\w+)Input(?=")/g;

/**
 * Keeps each schema once. The type provider gives each schema twice, for requests and for replies, and here each schema is
 * used for one of them. It also leaves out the examples of request schemas that convert their input; they are added again.
 */
function keepEachOnce(
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
 * Removes `additionalProperties: false` from the schemas of replies, because the next version may add members, and a client
 * that checks replies by the document must not break then.
 */
const openObjects = (schema: object | undefined): object =>
  JSON.parse(
    JSON.stringify(schema, (key, value: unknown) => (key === 'additionalProperties' ? undefined : value)),
  );
