// The REST shim: the calls of the REST contract, and what documents them.

import { parseJson } from '@holdfast/platform/http/json-body';
import { HttpError, type HttpRequest, type Reply } from '@holdfast/platform/http/server';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Pages } from '../pages/page-routes.ts';
import { addRoutes, type GatewayRoute, type ThroughList } from '../routes.ts';
import { documentRoutes, openApiDocument, wholeSchema } from './openapi.ts';
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

/** Adds the calls and the pages to Fastify's router. The app is a scope of its own, with REST's parser and validator. */
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
  // The tests hold replies to their schemas, so they are written as they are.
  app.setSerializerCompiler(() => JSON.stringify);
  addRoutes(
    app,
    [...REST_ROUTES.flatMap((route) => routesOf(route, execute)), ...documentation(app, showPage)],
    through,
  );
}

/** The handler has accepted its media type. Of a route without a body it is not read. */
async function parseBody({ received, routeOptions: { schema } }: FastifyRequest): Promise<unknown> {
  if (!schema?.body || !received) return undefined;
  const bytes = await received.body();
  return bytes.length === 0 && isBodyOptional(schema) ? {} : parseJson(bytes);
}

const isBodyOptional = (schema: object | undefined): boolean =>
  schema !== undefined && 'isBodyOptional' in schema && schema.isBodyOptional === true;

/** Fastify calls no parser for a request that has neither a body nor a type of one. */
async function fillBody(request: FastifyRequest): Promise<void> {
  if (request.body === undefined && isBodyOptional(request.routeOptions.schema)) request.body = {};
}

function routesOf({ description, run }: Route, execute: Execute): GatewayRoute[] {
  const schema = wholeSchema(description);
  const route: GatewayRoute = {
    methods: [description.method],
    path: description.url,
    schema,
    handle: async (request, { id = '' }, caller) =>
      replyOf(await run({ request, id, execute, caller }), request),
  };
  // HTTP says what HEAD is; the document need not.
  const head: GatewayRoute = { ...route, methods: ['HEAD'], schema: { ...schema, hide: true } };
  return description.method === 'GET' ? [route, head] : [route];
}

function replyOf(answer: Answer, request: HttpRequest): Reply {
  if (answer.kind === 'problem') return problemReply(answer, request);
  const { status, headers = {}, body } = answer;
  if (body === undefined) return { status, headers };
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

function documentation(app: FastifyInstance, showPage: Pages['small']): GatewayRoute[] {
  let document = '';
  // Fastify has every schema by then.
  app.addHook('onReady', async () => {
    document = JSON.stringify(openApiDocument(app, REST_ROUTES));
  });
  return [
    {
      methods: ['GET', 'HEAD'],
      path: '/openapi.json',
      handle: async () => ({
        status: 200,
        headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
        body: document,
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
