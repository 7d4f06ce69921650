// REST: what changes an order. Every change is a compare-and-swap on its version.
import { entityTag } from './entity-tag.ts';
import { type Conflict, conflict, guardedRoute } from './guarded-route.ts';
import { operation } from './operation.ts';
import {
  headersOf,
  ORDER_FIELDS,
  type OrderResult,
  order,
  orderStep,
  representation,
} from './order-schemas.ts';
import { problem } from './problem.ts';
import { type Answer, done, JSON_BODY, notFound, type Refusal } from './route.ts';
import { IF_MATCH, UNLESS_MATCH } from './schema.ts';

const orderNotFound = (id: string) => notFound('ORDER_NOT_FOUND', id);

interface OrderStep {
  readonly status: string;
}

/** What comes of a change: `Refused` is the type that says that the order's status does not allow it. */
type ChangeResult<Refused extends string> =
  | OrderResult
  | (Refusal<'OrderVersionConflict'> & { readonly currentVersion: number })
  | (Refusal<Refused> & { readonly current: { readonly version: number } })
  | Refusal<'OrderNotFound'>;

const changeFields = (refused: string) => `__typename
  ... on Order { ${ORDER_FIELDS} }
  ... on OrderVersionConflict { message currentVersion }
  ... on ${refused} { message current { version } }
  ... on OrderNotFound { message }`;

function changed(
  code: 'ORDER_NOT_CANCELLABLE' | 'ORDER_NOT_ADVANCEABLE',
  result: ChangeResult<'OrderNotCancellable' | 'OrderNotAdvanceable'>,
  id: string,
): Answer | Conflict {
  switch (result.__typename) {
    case 'OrderVersionConflict':
      return conflict(result.currentVersion);
    case 'OrderNotCancellable':
    case 'OrderNotAdvanceable': {
      const { version } = result.current;
      return problem(code, result.message, { current_version: version }, { etag: entityTag(version) });
    }
    case 'OrderNotFound':
      return orderNotFound(id);
    case 'Order': {
      const { __typename, ...fields } = result;
      return done(200, representation(fields), headersOf(fields));
    }
  }
}

const currentOrder = operation<
  { readonly current: { readonly version: number } | null },
  { readonly id: string }
>('query OrderVersion($id: ID!) { current: order(id: $id) { version } }');

const CHANGE_REPLIES = {
  200: { description: 'The order as it is now', content: { schema: order }, headers: ['ETag'] },
};
const CHANGE_PROBLEMS = [
  'ORDER_NOT_FOUND',
  'VERSION_CONFLICT',
  'PRECONDITION_FAILED',
  'PRECONDITION_REQUIRED',
] as const;

export const cancel = guardedRoute({
  method: 'POST',
  path: '/orders/{id}/cancel',
  operationId: 'cancelOrder',
  summary: 'Cancels a CONFIRMED order, if it is still at the version in `If-Match`, and puts its units back',
  tag: 'Orders',
  secured: true,
  headers: [{ ...IF_MATCH, required: true }, UNLESS_MATCH],
  replies: CHANGE_REPLIES,
  problems: ['ORDER_NOT_CANCELLABLE', ...CHANGE_PROBLEMS],
  condition: 'required',
  current: currentOrder,
  operation: operation<
    { readonly cancelOrder: ChangeResult<'OrderNotCancellable'> },
    { readonly id: string; readonly expectedVersion: number }
  >(
    `mutation CancelOrder($id: ID!, $expectedVersion: Int!) {
      cancelOrder(id: $id, expectedVersion: $expectedVersion) { ${changeFields('OrderNotCancellable')} }
    }`,
  ),
  variables: ({ id }, expectedVersion) => ({ id, expectedVersion }),
  answer: ({ cancelOrder: result }, { id }) => changed('ORDER_NOT_CANCELLABLE', result, id),
  notFound: orderNotFound,
});

export const advance = guardedRoute({
  method: 'POST',
  path: '/orders/{id}/advance',
  operationId: 'advanceOrder',
  summary:
    'For staff: ships a CONFIRMED order or delivers a SHIPPED one, if it is still at the version in `If-Match`',
  tag: 'Orders',
  secured: true,
  headers: [{ ...IF_MATCH, required: true }, UNLESS_MATCH],
  body: { schema: orderStep, mediaTypes: JSON_BODY },
  replies: CHANGE_REPLIES,
  problems: ['FORBIDDEN', 'ORDER_NOT_ADVANCEABLE', ...CHANGE_PROBLEMS],
  condition: 'required',
  current: currentOrder,
  operation: operation<
    { readonly advanceOrder: ChangeResult<'OrderNotAdvanceable'> },
    { readonly id: string; readonly expectedVersion: number; readonly status: string }
  >(
    `mutation AdvanceOrder($id: ID!, $expectedVersion: Int!, $status: OrderStatus!) {
      advanceOrder(id: $id, expectedVersion: $expectedVersion, status: $status) {
        ${changeFields('OrderNotAdvanceable')}
      }
    }`,
  ),
  variables: ({ id, body }: { readonly id: string; readonly body: OrderStep }, expectedVersion) => ({
    id,
    expectedVersion,
    status: body.status,
  }),
  answer: ({ advanceOrder: result }, { id }) => changed('ORDER_NOT_ADVANCEABLE', result, id),
  notFound: orderNotFound,
});
