// The requests of each case. They are the same for all gateways, with some hundreds of ids, so that no gateway can cache whole replies.
import { ORDERS, PRODUCTS } from './stubs/shop.ts';

export interface BenchRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
}

const VARIANTS = 300;

const graphql = (query: string, variables: object): BenchRequest => ({
  method: 'POST',
  path: '/graphql',
  body: JSON.stringify({ query, variables }),
});

const variants = (make: (number: number) => BenchRequest): BenchRequest[] =>
  Array.from({ length: VARIANTS }, (_, index) => make(index + 1));

const LOOKUP = 'query Lookup($id: ID!) { product(id: $id) { id name price stock version } }';
const PAGE = `query Page($after: String) {
  products(first: 20, after: $after) {
    edges { node { id name price stock version } }
    pageInfo { hasNextPage endCursor }
  }
}`;
// This needs three calls, one after the other: `me`, the orders of that user, the products of those 20 orders.
const THREE = `query MyOrders($after: String) {
  me {
    username
    orders(first: 20, after: $after) {
      edges { node { id status totalPrice product { name stock } history { status at } } }
    }
  }
}`;
// The fields of a product in a REST reply.
const FIELDS = 'id name description price stock version createdAt updatedAt';
const WHOLE_PRODUCT = `query Product($id: ID!) { product(id: $id) { ${FIELDS} } }`;
const WHOLE_PAGE = `query Products($after: String) {
  products(first: 20, after: $after) { edges { node { ${FIELDS} } } pageInfo { hasNextPage endCursor } }
}`;

/** An id or a cursor within `count`, different for each number below VARIANTS. */
const spread = (number: number, count: number) => String((number * 11) % count || 1);

export const lookups = variants((number) => graphql(LOOKUP, { id: spread(number, PRODUCTS) }));
export const pages = variants((number) => graphql(PAGE, { after: spread(number, PRODUCTS - 20) }));
export const threes = variants((number) => graphql(THREE, { after: spread(number, ORDERS - 20) }));

export const wholeProducts = variants((number) => graphql(WHOLE_PRODUCT, { id: spread(number, PRODUCTS) }));
export const wholePages = variants((number) => graphql(WHOLE_PAGE, { after: spread(number, PRODUCTS - 20) }));
export const restProducts = variants((number) => ({
  method: 'GET',
  path: `/products/${spread(number, PRODUCTS)}`,
}));
export const restPages = variants((number) => ({
  method: 'GET',
  path: `/products?limit=20&cursor=${spread(number, PRODUCTS - 20)}`,
}));

const CHOICES = ['name', 'description', 'price', 'stock', 'version', 'createdAt', 'updatedAt'];

/** Makes `count` different operations, each with its own alias, and with varying fields. */
export function makeDifferentTexts(count: number): BenchRequest[] {
  return Array.from({ length: count }, (_, index) => {
    const fields = CHOICES.filter((_field, bit) => ((index >> bit) & 1) === 1);
    const selection = ['id', ...fields].join(' ');
    return graphql(`query Text${index}($id: ID!) { a${index}: product(id: $id) { ${selection} } }`, {
      id: spread(index + 1, PRODUCTS),
    });
  });
}
