// The REST shim: the route table of the gateway's router.
import { HttpFault, type HttpRequest, type Reply } from '@holdfast/platform/http';
import type { GatewayRoute } from '../routes.ts';
import { accountRoutes } from './accounts.ts';
import { docsPage } from './docs-page.ts';
import { openApiDocument } from './openapi.ts';
import type { Execute } from './operation.ts';
import { orderRoutes } from './orders.ts';
import { isProblemCode, problemReply } from './problem.ts';
import { productRoutes } from './products.ts';
import type { Answer, Route } from './route.ts';

export const REST_ROUTES: readonly Route[] = [...accountRoutes, ...productRoutes, ...orderRoutes];

/** The operations that the routes run. */
export const REST_OPERATIONS: readonly { readonly name: string; readonly text: string }[] =
  REST_ROUTES.flatMap(({ operations }) => operations);

function replyOf(answer: Answer, request: HttpRequest): Reply {
  if (answer.kind === 'problem') return problemReply(answer, request);
  const { status, headers = {}, body } = answer;
  if (body === undefined) return { status, headers };
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

const routeOf = ({ description, run }: Route, execute: Execute): GatewayRoute => ({
  methods: description.method === 'GET' ? ['GET', 'HEAD'] : [description.method],
  path: description.path.replace('{id}', ':id'),
  handle: async (request, { id = '' }, caller) =>
    replyOf(await run({ request, id, execute, caller }), request),
});

/** The calls of the REST contract, and the pages that document them. */
export function restRoutes(execute: Execute): GatewayRoute[] {
  const openapi: Reply = {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
    body: JSON.stringify(openApiDocument(REST_ROUTES)),
  };
  const docs = docsPage(REST_ROUTES);
  return [
    ...REST_ROUTES.map((route) => routeOf(route, execute)),
    { methods: ['GET', 'HEAD'], path: '/openapi.json', handle: async () => openapi },
    { methods: ['GET', 'HEAD'], path: '/docs', handle: async () => docs },
    {
      methods: ['GET', 'HEAD'],
      path: '/problems/:name(^[a-z-]{1,40}$)',
      handle: async (_, { name = '' }) => {
        if (!isProblemCode(name.toUpperCase().replaceAll('-', '_')))
          throw new HttpFault(404, 'There is no such problem.');
        return { status: 303, headers: { location: `/docs#${name}` } };
      },
    },
  ];
}
