// The REST shim: the calls of the REST contract, and their documentation.

import { parseJson } from '@holdfast/platform/http/json-body';
import { HttpError, type HttpRequest, type Reply } from '@holdfast/platform/http/server';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { addRoutes, type GatewayRoute, type ThroughList } from '../http/routes.ts';
import type { Pages } from '../pages/page-routes.ts';
import { completeSchema, documentRoutes, openApiDocument } from './openapi.ts';
import type { Execute } from './operation.ts';
import { isProblemCode, problemReply } from './problem.ts';
import { problemPage } from './problem-page.ts';
import { accountRoutes } from './resources/accounts/accounts.ts';
import { administrationRoutes } from './resources/accounts/administration.ts';
import { mailedLinkRoutes } from './resources/accounts/mailed-links.ts';
import { orderRoutes } from './resources/orders/orders.ts';
import { productRoutes } from './resources/products/products.ts';
import type { Answer, Route } from './route.ts';
import { validatorCompiler } from './validation.ts';

export const REST_ROUTES: readonly Route[] = [
  ...accountRoutes,
  ...administrationRoutes,
  ...mailedLinkRoutes,
  ...productRoutes,
  ...orderRoutes,
];

/** The operations that the routes run. */
export const REST_OPERATIONS: readonly {
  readonly name: string;
  readonly type: string;
  readonly text: string;
}[] = REST_ROUTES.flatMap(({ operations }) => operations);

/** Adds the calls and the pages to the router of Fastify. The app is a scope with the parser and validator of REST. */
export async function addRest(
  app: FastifyInstance,
  execute: Execute,
  through: ThroughList,
  showPage: Pages['small'],
): Promise<void> {
  await documentRoutes(app);
  app.addContentTypeParser('*', parseBody);
  app.addHook('preValidation', fillBody);
  app.setValidatorCompiler(validatorCompiler);
  // Write replies without a check, because the contract tests check replies by their schemas.
  app.setSerializerCompiler(() => JSON.stringify);
  addRoutes(
    app,
    [
      ...REST_ROUTES.flatMap((route) => routesOf(route, execute)),
      ...createDocumentationRoutes(app, showPage),
    ],
    through,
  );
}

/** Parses a body whose media type the handler has accepted. A route without a body does not read it. */
async function parseBody({ received, routeOptions: { schema } }: FastifyRequest): Promise<unknown> {
  if (!schema?.body || !received) return undefined;
  const bytes = await received.body();
  return bytes.length === 0 && isBodyOptional(schema) ? {} : parseJson(bytes);
}

const isBodyOptional = (schema: object | undefined): boolean =>
  schema !== undefined && 'isBodyOptional' in schema && schema.isBodyOptional === true;

/** Sets an empty body: Fastify calls no parser for a request without a body and without a Content-Type. */
async function fillBody(request: FastifyRequest): Promise<void> {
  if (request.body === undefined && isBodyOptional(request.routeOptions.schema)) request.body = {};
}

function routesOf({ description, run }: Route, execute: Execute): GatewayRoute[] {
  const schema = completeSchema(description);
  const route: GatewayRoute = {
    methods: [description.method],
    path: description.url,
    schema,
    handle: async (request, { id = '' }, caller) =>
      toReply(await run({ request, id, execute, caller }), request),
  };
  // HTTP defines HEAD, so the document leaves it out.
  const head: GatewayRoute = { ...route, methods: ['HEAD'], schema: { ...schema, hide: true } };
  return description.method === 'GET' ? [route, head] : [route];
}

function toReply(answer: Answer, request: HttpRequest): Reply {
  if (answer.kind === 'problem') return problemReply(answer, request);
  const { status, headers = {}, body } = answer;
  if (body === undefined) return { status, headers };
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

function createDocumentationRoutes(app: FastifyInstance, showPage: Pages['small']): GatewayRoute[] {
  /** The OpenAPI document. The first request makes it, because at the start it would take longer than the rest of REST. */
  let document: string | undefined;
  const readDocument = (): string => {
    document ??= JSON.stringify(openApiDocument(app, REST_ROUTES));
    return document;
  };
  return [
    {
      methods: ['GET', 'HEAD'],
      path: '/openapi.json',
      handle: async () => ({
        status: 200,
        headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
        body: readDocument(),
      }),
    },
    {
      methods: ['GET', 'HEAD'],
      path: '/problems/:name(^[a-z-]{1,40}$)',
      handle: async (_, { name = '' }) => {
        const code = name.toUpperCase().replaceAll('-', '_');
        if (!isProblemCode(code)) throw new HttpError(404, 'There is no such problem.');
        return showPage(problemPage(code, REST_ROUTES));
      },
    },
  ];
}
