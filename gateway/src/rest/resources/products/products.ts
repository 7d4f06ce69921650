// REST: the catalog. Every change of a product is a compare-and-swap on its version.
import { allHandled } from '@holdfast/platform/validation';
import { z } from 'zod';
import {
  CreateProductDocument,
  type CreateProductInput,
  type CreateProductMutation,
  DeleteProductDocument,
  GetProductDocument,
  ListProductsDocument,
  type ListProductsQueryVariables,
  ProductVersionDocument,
  UpdateProductDocument,
  type UpdateProductInput,
  type UpdateProductMutation,
} from '../../../generated/operations.ts';
import { entityTag, hasCurrent } from '../../entity-tag.ts';
import { invalidInput } from '../../errors.ts';
import { type Conflict, conflict, guardedRoute } from '../../guarded-route.ts';
import { idempotencyKeyHeader, readIdempotencyKey } from '../../idempotency-key.ts';
import { PATH_ID } from '../../ids.ts';
import { nextPageLink } from '../../link.ts';
import { operation, present } from '../../operation.ts';
import { type Problem, problem } from '../../problem.ts';
import {
  ANYONE,
  BEARER,
  done,
  headerOf,
  json,
  MERGE_PATCH_BODY,
  notFound,
  type Route,
  route,
} from '../../route.ts';
import { CONDITIONS, IF_NONE_MATCH, REQUIRED_CONDITIONS } from '../../schema.ts';
import {
  change,
  listParameters,
  newProduct,
  product,
  productAnswer,
  replacement,
  SORTS,
  toProductBody,
} from './schemas.ts';

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
    url: '/products',
    schema: {
      operationId: 'listProducts',
      summary: 'Lists the catalog in pages',
      description:
        'Without `sort`, the newest products come first. `Link` leads to the next page. With `search` or a price, a page may be shorter than `limit` although there is a next page.',
      tags: ['Products'],
      security: ANYONE,
      querystring: listParameters,
      response: { 200: json('The page', product.array(), ['Link']) },
    },
    problems: [],
  },
  {
    operation: operation(ListProductsDocument),
    variables: ({ query }) => listVariables(query),
    answer: ({ products }, { request }) => {
      const { edges, pageInfo } = present(products);
      return done(
        200,
        edges.map(({ node }) => toProductBody(node)),
        { ...NO_CACHE, ...nextPageLink('/products', request.query, pageInfo) },
      );
    },
  },
);

const get = route(
  {
    method: 'GET',
    url: '/products/:id',
    schema: {
      operationId: 'getProduct',
      summary: 'Shows one product',
      description:
        "The `ETag` is the version that a change needs in `If-Match`. With `If-None-Match`, 304 says that the client's copy is still right.",
      tags: ['Products'],
      security: ANYONE,
      params: PATH_ID,
      headers: z.object({ 'If-None-Match': IF_NONE_MATCH }),
      response: {
        200: json('The product', product, ['ETag']),
        304: { description: 'The product is at the version that the client has', headers: ['ETag'] },
      },
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
      return done(200, toProductBody(data.product), headers);
    },
  },
);

function toProductInput(
  body: z.infer<typeof newProduct>,
  idempotencyKey: string | undefined,
): CreateProductInput {
  const { name, description, price, stock, ...rest } = body;
  allHandled(rest);
  return { name, description, price, stock, idempotencyKey };
}

function answerCreated(data: CreateProductMutation): ReturnType<typeof productAnswer<201>> | Problem {
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
    url: '/products',
    schema: {
      operationId: 'createProduct',
      summary: 'Adds a product to the catalog',
      description:
        'Needs a signed-in account, or staff where the shop says so (`CATALOG_WRITERS`). Send an `Idempotency-Key`: a call whose reply was lost can then be sent again.',
      tags: ['Products'],
      security: BEARER,
      headers: z.object({
        'Idempotency-Key': idempotencyKeyHeader(
          'The same key with the same body creates one product, however often it is sent.',
        ),
      }),
      body: newProduct,
      response: {
        201: json(
          'The product; with an Idempotency-Key that was used before, that product as it is now',
          product,
          ['ETag', 'Location'],
        ),
      },
    },
    problems: ['FORBIDDEN', 'IDEMPOTENCY_KEY_REUSED'],
  },
  {
    operation: operation(CreateProductDocument),
    variables: ({ body, request }) => ({
      input: toProductInput(body, readIdempotencyKey(headerOf(request, 'idempotency-key'))),
    }),
    answer: answerCreated,
  },
);

/** A changed product as it was read, with what the client wants otherwise. A replacement is one as well. */
type ProductChange = z.infer<typeof change>;

const currentProduct = operation(ProductVersionDocument);

const productNotFound = (id: string) => notFound('PRODUCT_NOT_FOUND', id);

const update = operation(UpdateProductDocument);

function answerUpdated(
  data: UpdateProductMutation,
  { id }: { readonly id: string },
): ReturnType<typeof productAnswer<200>> | Problem | Conflict {
  const result = present(data.updateProduct);
  switch (result.__typename) {
    case 'VersionConflict':
      return conflict(result.currentVersion);
    case 'ProductNotFound':
      return productNotFound(id);
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'Product': {
      const { __typename, ...fields } = result;
      return productAnswer(200, fields);
    }
  }
}

/** Converts a body. Read-only members and the version, which is a condition, are left out. */
function toUpdateInput(body: ProductChange): UpdateProductInput {
  const { id, version, created_at, updated_at, ...fields } = body;
  const { name, description, price, stock, ...rest } = fields;
  allHandled(rest);
  return { name, description, price, stock };
}

const WRITE_REPLIES = {
  200: json('The product as it is now', product, ['ETag']),
};
const WRITE_PROBLEMS = [
  'FORBIDDEN',
  'PRODUCT_NOT_FOUND',
  'VERSION_CONFLICT',
  'PRECONDITION_FAILED',
  'PRECONDITION_REQUIRED',
] as const;

/** A PUT and a PATCH differ in which members their bodies must have. */
const CHANGE = {
  condition: 'required',
  bodyVersion: (body: ProductChange) => body.version,
  current: currentProduct,
  operation: update,
  variables: (
    { id, body }: { readonly id: string; readonly body: ProductChange },
    expectedVersion: number,
  ) => ({ id, expectedVersion, input: toUpdateInput(body) }),
  answer: answerUpdated,
  notFound: productNotFound,
} as const;

const put = guardedRoute(
  {
    method: 'PUT',
    url: '/products/:id',
    schema: {
      operationId: 'replaceProduct',
      summary: 'Replaces a product, if it is still at the version in `If-Match` or in the body',
      description:
        'The body may be the representation that `GET` returned. A stale `If-Match` is 412, and a stale `version` in the body is 409; both show the current version, and the product is unchanged. Read the product again, and send the change with the new version.',
      tags: ['Products'],
      security: BEARER,
      params: PATH_ID,
      headers: CONDITIONS,
      body: replacement,
      response: WRITE_REPLIES,
    },
    problems: WRITE_PROBLEMS,
  },
  CHANGE,
);

const patch = guardedRoute(
  {
    method: 'PATCH',
    url: '/products/:id',
    schema: {
      operationId: 'changeProduct',
      summary: 'Changes some fields of a product, if it is still at the version in `If-Match`',
      description:
        'Members that are left out keep their values. A stale `If-Match` is 412 with the current version, and the product is unchanged. Read the product again, and send the change with the new version.',
      tags: ['Products'],
      security: BEARER,
      params: PATH_ID,
      headers: REQUIRED_CONDITIONS,
      body: change,
      consumes: MERGE_PATCH_BODY,
      response: WRITE_REPLIES,
    },
    problems: WRITE_PROBLEMS,
  },
  CHANGE,
);

const remove = guardedRoute(
  {
    method: 'DELETE',
    url: '/products/:id',
    schema: {
      operationId: 'deleteProduct',
      summary: 'Removes a product from the catalog; its orders still show it',
      description:
        'With `If-Match` the product is removed only if it is still at that version. A repeated call is 404.',
      tags: ['Products'],
      security: BEARER,
      params: PATH_ID,
      headers: CONDITIONS,
      response: { 204: { description: 'The product was removed from the catalog' } },
    },
    problems: ['FORBIDDEN', 'PRODUCT_NOT_FOUND', 'VERSION_CONFLICT', 'PRECONDITION_FAILED'],
  },
  {
    condition: 'optional',
    current: currentProduct,
    operation: operation(DeleteProductDocument),
    variables: ({ id }, expectedVersion) => ({ id, expectedVersion }),
    answer: (data, { id }) => {
      const result = present(data.deleteProduct);
      switch (result.__typename) {
        case 'VersionConflict':
          return conflict(result.currentVersion);
        case 'ProductNotFound':
          return productNotFound(id);
        case 'ProductDeleted':
          return done(204, undefined);
      }
    },
    notFound: productNotFound,
  },
);

export const productRoutes: readonly Route[] = [list, get, create, put, patch, remove];
