// REST: the list of orders, the caller's own or, for staff, everybody's.
import { nextPageLink } from './link.ts';
import { operation } from './operation.ts';
import {
  LIST_PARAMETERS,
  ORDER_FIELDS,
  type Order,
  order,
  PRIVATE_CACHE,
  representation,
} from './order-schemas.ts';
import { type Answer, callReader, done, type Route, type RouteDescription } from './route.ts';
import { invalidFields } from './validation.ts';

interface OrderQuery {
  readonly limit: number;
  readonly cursor?: string;
  readonly status?: string;
  readonly scope: 'own' | 'all';
  readonly user_id?: string;
}

interface OrderPage {
  readonly edges: readonly { readonly node: Order }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

interface PageVariables extends Readonly<Record<string, unknown>> {
  readonly first: number;
  readonly after: string | undefined;
  readonly status: string | undefined;
}

const PAGE = `edges { node { ${ORDER_FIELDS} } } pageInfo { hasNextPage endCursor }`;

const own = operation<{ readonly page: OrderPage }, PageVariables>(
  `query ListOrders($first: Int!, $after: String, $status: OrderStatus) {
    page: orders(first: $first, after: $after, status: $status) { ${PAGE} }
  }`,
);

const all = operation<{ readonly page: OrderPage }, PageVariables & { readonly userId: string | undefined }>(
  `query ListAllOrders($first: Int!, $after: String, $status: OrderStatus, $userId: ID) {
    page: allOrders(first: $first, after: $after, status: $status, userId: $userId) { ${PAGE} }
  }`,
);

const description: RouteDescription = {
  method: 'GET',
  path: '/orders',
  operationId: 'listOrders',
  summary: "The caller's own orders, newest first, a page at a time; for staff with `scope=all` everybody's",
  tag: 'Orders',
  secured: true,
  query: LIST_PARAMETERS,
  replies: { 200: { description: 'The page', content: { schema: order, list: true }, headers: ['Link'] } },
  problems: ['FORBIDDEN'],
};

function pageAnswer({ edges, pageInfo }: OrderPage, query: string): Answer {
  const more = pageInfo.hasNextPage && pageInfo.endCursor !== null;
  return done(
    200,
    edges.map(({ node }) => representation(node)),
    { ...PRIVATE_CACHE, ...(more && { link: nextPageLink('/orders', query, pageInfo.endCursor) }) },
  );
}

const readCall = callReader<OrderQuery, undefined>(description);

export const list: Route = {
  description,
  operations: [own, all],
  run: async (invocation) => {
    const { query, request } = await readCall(invocation);
    const { limit, cursor, status, scope, user_id: userId } = query;
    const variables = { first: limit, after: cursor, status };
    if (scope === 'own' && userId !== undefined)
      throw invalidFields([{ field: 'user_id', message: 'expected with scope=all only, got it without' }]);
    const { page } =
      scope === 'own'
        ? await invocation.execute(own, variables, invocation.context)
        : await invocation.execute(all, { ...variables, userId }, invocation.context);
    return pageAnswer(page, request.query);
  },
};
