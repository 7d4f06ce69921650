// REST: the catalogue.

import { allHandled } from '@holdfast/platform/validation';
import type { z } from 'zod';
import {
  CreateProductDocument,
  type CreateProductInput,
  type CreateProductMutation,
  GetProductDocument,
  ListProductsDocument,
  type ListProductsQueryVariables,
} from '../generated/operations.ts';
import { entityTag, hasCurrent } from './entity-tag.ts';
import { invalidInput } from './faults.ts';
import { idempotencyKeyHeader, readIdempotencyKey } from './idempotency-key.ts';
import { bodyOf, NOTHING, queryOf } from './intake.ts';
import { nextPageLink } from './link.ts';
import { operation, present } from './operation.ts';
import { type Problem, problem } from './problem.ts';
import { patch, put, remove } from './product-changes.ts';
import {
  listParameters,
  newProduct,
  product,
  productAnswer,
  representation,
  SORTS,
} from './product-schemas.ts';
import { done, headerOf, notFound, type Route, route } from './route.ts';
import { IF_NONE_MATCH } from './schema.ts';

const NO_CACHE = { 'cache-control': 'no-cache' };

function listVariables(query: z.infer<typeof listParameters>): ListProductsQueryVariables {
  const { limit, cursor, sort, search, min_price, max_price, in_stock, ...rest } = query;
  allHandled(rest);
  return {
    first: limit,
    after: cursor,
    sort: SORTS[sort],
    filter: { search, minPrice: min_price, maxPrice: max_price, inStock: in_stock },
  };
}

const list = route(
  {
    method: 'GET',
    path: '/products',
    operationId: 'listProducts',
    summary: 'The catalogue, a page at a time',
    tag: 'Products',
    secured: false,
    takes: queryOf(listParameters),
    replies: {
      200: { description: 'The page', content: { schema: product, list: true }, headers: ['Link'] },
    },
    problems: [],
  },
  {
    operation: operation(ListProductsDocument),
    variables: ({ input }) => listVariables(input),
    answer: ({ products }, { request }) => {
      const { edges, pageInfo } = present(products);
      return done(
        200,
        edges.map(({ node }) => representation(node)),
        { ...NO_CACHE, ...nextPageLink('/products', request.query, pageInfo) },
      );
    },
  },
);

const get = route(
  {
    method: 'GET',
    path: '/products/{id}',
    operationId: 'getProduct',
    summary: 'One product',
    tag: 'Products',
    secured: false,
    headers: [IF_NONE_MATCH],
    takes: NOTHING,
    replies: {
      200: { description: 'The product', content: { schema: product }, headers: ['ETag'] },
      304: { description: 'The product is at the version that the client has', headers: ['ETag'] },
    },
    problems: ['PRODUCT_NOT_FOUND'],
  },
  {
    operation: operation(GetProductDocument),
    variables: ({ id }) => ({ id }),
    answer: (data, { id, request }) => {
      if (data.product === null) return notFound('PRODUCT_NOT_FOUND', id);
      const headers = { etag: entityTag(data.product.version), ...NO_CACHE };
      if (hasCurrent(headerOf(request, 'if-none-match'), data.product.version))
        return done(304, undefined, headers);
      return done(200, representation(data.product), headers);
    },
  },
);

function graphqlInput(
  body: z.infer<typeof newProduct.schema>,
  idempotencyKey: string | undefined,
): CreateProductInput {
  const { name, description, price, stock, ...rest } = body;
  allHandled(rest);
  return { name, description, price, stock, idempotencyKey };
}

function created(data: CreateProductMutation): ReturnType<typeof productAnswer<201>> | Problem {
  const result = present(data.createProduct);
  switch (result.__typename) {
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'IdempotencyKeyReused':
      return problem('IDEMPOTENCY_KEY_REUSED', result.message);
    case 'Product': {
      const { __typename, ...fields } = result;
      return productAnswer(201, fields, { location: `/products/${fields.id}` });
    }
  }
}

const create = route(
  {
    method: 'POST',
    path: '/products',
    operationId: 'createProduct',
    summary: 'Adds a product to the catalogue',
    tag: 'Products',
    secured: true,
    headers: [
      idempotencyKeyHeader('The same key with the same body creates one product, however often it is sent.'),
    ],
    takes: bodyOf(newProduct),
    replies: {
      201: {
        description: 'The product; with an Idempotency-Key that was used before, that product as it is now',
        content: { schema: product },
        headers: ['ETag', 'Location'],
      },
    },
    problems: ['FORBIDDEN', 'IDEMPOTENCY_KEY_REUSED'],
  },
  {
    operation: operation(CreateProductDocument),
    variables: ({ input, request }) => ({
      input: graphqlInput(input, readIdempotencyKey(headerOf(request, 'idempotency-key'))),
    }),
    answer: created,
  },
);

export const productRoutes: readonly Route[] = [list, get, create, put, patch, remove];
