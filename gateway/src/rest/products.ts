// REST: the catalogue.
import { entityTag, hasCurrent } from './entity-tag.ts';
import { invalidInput } from './faults.ts';
import { idempotencyKeyHeader, readIdempotencyKey } from './idempotency-key.ts';
import { nextPageLink } from './link.ts';
import { operation } from './operation.ts';
import { problem } from './problem.ts';
import { patch, put, remove } from './product-changes.ts';
import {
  INVALID_INPUT,
  type InvalidInput,
  LIST_PARAMETERS,
  newProduct,
  PRODUCT_FIELDS,
  type Product,
  type ProductBody,
  type ProductResult,
  product,
  productAnswer,
  representation,
} from './product-schemas.ts';
import { type Call, done, headerOf, JSON_BODY, notFound, type Refusal, type Route, route } from './route.ts';
import { IF_NONE_MATCH } from './schema.ts';

interface ProductQuery {
  readonly limit: number;
  readonly cursor?: string;
  readonly search?: string;
  readonly min_price?: string;
  readonly max_price?: string;
  readonly in_stock?: boolean;
  readonly sort: string;
}

const NO_CACHE = { 'cache-control': 'no-cache' };

const list = route({
  method: 'GET',
  path: '/products',
  operationId: 'listProducts',
  summary: 'The catalogue, a page at a time',
  tag: 'Products',
  secured: false,
  query: LIST_PARAMETERS,
  replies: { 200: { description: 'The page', content: { schema: product, list: true }, headers: ['Link'] } },
  problems: [],
  operation: operation<
    {
      readonly products: {
        readonly edges: readonly { readonly node: Product }[];
        readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
      };
    },
    {
      readonly first: number;
      readonly after?: string;
      readonly sort: string;
      readonly filter: Readonly<Record<string, unknown>>;
    }
  >(`query ListProducts($first: Int!, $after: String, $filter: ProductFilter, $sort: ProductSort!) {
      products(first: $first, after: $after, filter: $filter, sort: $sort) {
        edges { node { ${PRODUCT_FIELDS} } }
        pageInfo { hasNextPage endCursor }
      }
    }`),
  variables: ({ query }: { readonly query: ProductQuery }) => ({
    first: query.limit,
    after: query.cursor,
    sort: query.sort.toUpperCase(),
    filter: {
      search: query.search,
      minPrice: query.min_price,
      maxPrice: query.max_price,
      inStock: query.in_stock,
    },
  }),
  answer: ({ products: { edges, pageInfo } }, { request }) => {
    const more = pageInfo.hasNextPage && pageInfo.endCursor !== null;
    return done(
      200,
      edges.map(({ node }) => representation(node)),
      { ...NO_CACHE, ...(more && { link: nextPageLink('/products', request.query, pageInfo.endCursor) }) },
    );
  },
});

const get = route({
  method: 'GET',
  path: '/products/{id}',
  operationId: 'getProduct',
  summary: 'One product',
  tag: 'Products',
  secured: false,
  headers: [IF_NONE_MATCH],
  replies: {
    200: { description: 'The product', content: { schema: product }, headers: ['ETag'] },
    304: { description: 'The product is at the version that the client has', headers: ['ETag'] },
  },
  problems: ['PRODUCT_NOT_FOUND'],
  operation: operation<{ readonly product: Product | null }, { readonly id: string }>(
    `query GetProduct($id: ID!) { product(id: $id) { ${PRODUCT_FIELDS} } }`,
  ),
  variables: ({ id }) => ({ id }),
  answer: (data, { id, request }) => {
    if (data.product === null) return notFound('PRODUCT_NOT_FOUND', id);
    const headers = { etag: entityTag(data.product.version), ...NO_CACHE };
    if (hasCurrent(headerOf(request, 'if-none-match'), data.product.version))
      return done(304, undefined, headers);
    return done(200, representation(data.product), headers);
  },
});

type CreateResult = ProductResult | Refusal<'IdempotencyKeyReused'> | InvalidInput;

const create = route({
  method: 'POST',
  path: '/products',
  operationId: 'createProduct',
  summary: 'Adds a product to the catalogue',
  tag: 'Products',
  secured: true,
  headers: [
    idempotencyKeyHeader('The same key with the same body creates one product, however often it is sent.'),
  ],
  body: { schema: newProduct, mediaTypes: JSON_BODY },
  replies: {
    201: {
      description: 'The product; with an Idempotency-Key that was used before, that product as it is now',
      content: { schema: product },
      headers: ['ETag', 'Location'],
    },
  },
  problems: ['FORBIDDEN', 'IDEMPOTENCY_KEY_REUSED'],
  operation: operation<
    { readonly createProduct: CreateResult },
    { readonly input: ProductBody & { readonly idempotencyKey?: string } }
  >(
    `mutation CreateProduct($input: CreateProductInput!) {
      createProduct(input: $input) {
        __typename ... on Product { ${PRODUCT_FIELDS} } ... on IdempotencyKeyReused { message } ${INVALID_INPUT}
      }
    }`,
  ),
  variables: ({ body, request }: Call<unknown, ProductBody>) => ({
    input: { ...body, idempotencyKey: readIdempotencyKey(headerOf(request, 'idempotency-key')) },
  }),
  answer: ({ createProduct: result }) => {
    if (result.__typename === 'InvalidInput') return invalidInput(result.errors);
    if (result.__typename === 'IdempotencyKeyReused')
      return problem('IDEMPOTENCY_KEY_REUSED', result.message);
    return productAnswer(201, result, { location: `/products/${result.id}` });
  },
});

export const productRoutes: readonly Route[] = [list, get, create, put, patch, remove];
