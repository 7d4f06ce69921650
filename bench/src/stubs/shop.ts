// The data of the stub subgraphs: a small shop that never changes, so that all gateways give the same answers.

export const PRODUCTS = 1_000;
export const ORDERS = 400;
/** The user of the load's access token. */
export const USER_ID = '1';

const AT = '2026-11-23T08:15:30.000Z';
const statuses = ['CONFIRMED', 'SHIPPED', 'DELIVERED'] as const;

export interface Product {
  readonly __typename: 'Product';
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly price: string;
  readonly stock: number;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export function productOf(id: string): Product | null {
  const number = Number(id);
  if (!Number.isInteger(number) || number < 1 || number > PRODUCTS) return null;
  return {
    __typename: 'Product',
    id,
    name: `Brass compass no. ${id}`,
    description: `Points north, and comes in a box of oak. It is number ${id} of its series.`,
    price: `${(number % 90) + 9}.50`,
    stock: number % 100,
    version: (number % 7) + 1,
    createdAt: AT,
    updatedAt: AT,
  };
}

export const USER = {
  __typename: 'User',
  id: USER_ID,
  username: 'demo',
  email: 'demo@example.com',
  role: 'CUSTOMER',
  version: 3,
  createdAt: AT,
  updatedAt: AT,
} as const;

function orderOf(number: number) {
  return {
    __typename: 'Order',
    id: String(number),
    user: { __typename: 'User', id: USER_ID },
    product: { __typename: 'Product', id: String(((number * 7) % PRODUCTS) + 1) },
    quantity: (number % 3) + 1,
    unitPrice: '19.50',
    totalPrice: `${((number % 3) + 1) * 19}.50`,
    status: statuses[number % statuses.length],
    rejection: null,
    version: 3,
    history: statuses.map((status, index) => ({ status, version: index + 1, at: AT })),
    createdAt: AT,
    updatedAt: AT,
  };
}

interface Page {
  readonly first: number;
  readonly after?: string | null;
}

/** A connection over items that are numbered from 1; an item's cursor is its number. */
function pageOf<Node>({ first, after }: Page, count: number, nodeOf: (number: number) => Node) {
  const from = Number(after ?? 0) + 1;
  const to = Math.min(from + first - 1, count);
  const edges = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => ({
    node: nodeOf(from + index),
    cursor: String(from + index),
  }));
  return {
    edges,
    pageInfo: {
      hasNextPage: to < count,
      hasPreviousPage: from > 1,
      startCursor: edges[0]?.cursor,
      endCursor: edges.at(-1)?.cursor,
    },
  };
}

export const productsPage = (page: Page) => pageOf(page, PRODUCTS, (number) => productOf(String(number)));
export const ordersPage = (page: Page) => pageOf(page, ORDERS, orderOf);
