// REST: the list of orders, the caller's own or, for staff, everybody's.

import { allHandled } from '@holdfast/platform/validation';
import {
  ListAllOrdersDocument,
  ListOrdersDocument,
  type OrderPageFragment,
} from '../generated/operations.ts';
import { queryOf } from './intake.ts';
import { nextPageLink } from './link.ts';
import { operation, present } from './operation.ts';
import { listParameters, order, PRIVATE_CACHE, representation } from './order-schemas.ts';
import { type AnswerBy, done, type Route, type RouteDescription, readCall } from './route.ts';
import { invalidFields } from './validation.ts';

const own = operation(ListOrdersDocument);
const all = operation(ListAllOrdersDocument);

const takes = queryOf(listParameters);
const replies = {
  200: { description: 'The page', content: { schema: order, list: true }, headers: ['Link'] },
} as const;

const description: RouteDescription = {
  method: 'GET',
  path: '/orders',
  operationId: 'listOrders',
  summary: "The caller's own orders, newest first, a page at a time; for staff with `scope=all` everybody's",
  tag: 'Orders',
  secured: true,
  takes,
  replies,
  problems: ['FORBIDDEN'],
};

function pageAnswer({ edges, pageInfo }: OrderPageFragment, query: string): AnswerBy<typeof replies> {
  return done(
    200,
    edges.map(({ node }) => representation(node)),
    { ...PRIVATE_CACHE, ...nextPageLink('/orders', query, pageInfo) },
  );
}

export const list: Route = {
  description,
  operations: [own, all],
  run: async (invocation) => {
    const { input, request } = await readCall({ ...description, takes }, invocation);
    const { limit, cursor, status, scope, user_id: userId, ...rest } = input;
    allHandled(rest);
    const variables = { first: limit, after: cursor, status };
    if (scope === 'own' && userId !== undefined)
      throw invalidFields([{ field: 'user_id', message: 'expected with scope=all only, got it without' }]);
    const { page } =
      scope === 'own'
        ? await invocation.execute(own, variables, invocation.caller)
        : await invocation.execute(all, { ...variables, userId }, invocation.caller);
    return pageAnswer(present(page), request.query);
  },
};
