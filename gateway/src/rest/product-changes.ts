// REST: changing the catalogue. Every change is a compare-and-swap on the product's version.

import { allHandled } from '@holdfast/platform/validation';
import type { z } from 'zod';
import {
  DeleteProductDocument,
  ProductVersionDocument,
  UpdateProductDocument,
  type UpdateProductInput,
  type UpdateProductMutation,
} from '../generated/operations.ts';
import { invalidInput } from './faults.ts';
import { type Conflict, conflict, guardedRoute } from './guarded-route.ts';
import { bodyOf, MERGE_PATCH_BODY, NOTHING } from './intake.ts';
import { operation, present } from './operation.ts';
import type { Problem } from './problem.ts';
import { change, product, productAnswer, replacement } from './product-schemas.ts';
import { done, notFound } from './route.ts';
import { IF_MATCH, UNLESS_MATCH } from './schema.ts';

/** A changed product as it was read, with what the client wants otherwise. A replacement is one as well. */
type ProductChange = z.infer<typeof change.schema>;

const current = operation(ProductVersionDocument);

const productNotFound = (id: string) => notFound('PRODUCT_NOT_FOUND', id);

const update = operation(UpdateProductDocument);

function updated(
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

/** What is written of a body; members that are read-only, or a condition, are not. */
function written(body: ProductChange): UpdateProductInput {
  const { id, version, created_at, updated_at, ...fields } = body;
  const { name, description, price, stock, ...rest } = fields;
  allHandled(rest);
  return { name, description, price, stock };
}

const WRITE_REPLIES = {
  200: { description: 'The product as it is now', content: { schema: product }, headers: ['ETag'] },
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
  current,
  operation: update,
  variables: (
    { id, input }: { readonly id: string; readonly input: ProductChange },
    expectedVersion: number,
  ) => ({ id, expectedVersion, input: written(input) }),
  answer: updated,
  notFound: productNotFound,
} as const;

export const put = guardedRoute(
  {
    method: 'PUT',
    path: '/products/{id}',
    operationId: 'replaceProduct',
    summary: 'Replaces a product, if it is still at the version in `If-Match` or in the body',
    tag: 'Products',
    secured: true,
    headers: [IF_MATCH, UNLESS_MATCH],
    takes: bodyOf(replacement),
    replies: WRITE_REPLIES,
    problems: WRITE_PROBLEMS,
  },
  CHANGE,
);

export const patch = guardedRoute(
  {
    method: 'PATCH',
    path: '/products/{id}',
    operationId: 'changeProduct',
    summary: 'Changes some fields of a product, if it is still at the version in `If-Match`',
    tag: 'Products',
    secured: true,
    headers: [{ ...IF_MATCH, required: true }, UNLESS_MATCH],
    takes: bodyOf(change, MERGE_PATCH_BODY),
    replies: WRITE_REPLIES,
    problems: WRITE_PROBLEMS,
  },
  CHANGE,
);

export const remove = guardedRoute(
  {
    method: 'DELETE',
    path: '/products/{id}',
    operationId: 'deleteProduct',
    summary: 'Takes a product out of the catalogue; its orders still show it',
    tag: 'Products',
    secured: true,
    headers: [IF_MATCH, UNLESS_MATCH],
    takes: NOTHING,
    replies: { 204: { description: 'The product is gone from the catalogue' } },
    problems: ['FORBIDDEN', 'PRODUCT_NOT_FOUND', 'VERSION_CONFLICT', 'PRECONDITION_FAILED'],
  },
  {
    condition: 'optional',
    current,
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
