// REST: changing the catalogue. Every change is a compare-and-swap on the product's version.
import { invalidInput } from './faults.ts';
import { type Conflict, conflict, guardedRoute } from './guarded-route.ts';
import { operation } from './operation.ts';
import {
  change,
  INVALID_INPUT,
  type InvalidInput,
  PRODUCT_FIELDS,
  type ProductBody,
  type ProductResult,
  product,
  productAnswer,
  replacement,
} from './product-schemas.ts';
import {
  type Answer,
  type Call,
  done,
  JSON_BODY,
  MERGE_PATCH_BODY,
  notFound,
  type Refusal,
} from './route.ts';
import { IF_MATCH, UNLESS_MATCH } from './schema.ts';

/** A changed product as it was read, with what the client wants otherwise. */
type ProductChange = Partial<ProductBody> & { readonly version?: number };

type VersionConflict = Refusal<'VersionConflict'> & { readonly currentVersion: number };

const REFUSALS = '... on VersionConflict { message currentVersion } ... on ProductNotFound { message }';

const currentProduct = operation<
  { readonly current: { readonly version: number } | null },
  { readonly id: string }
>('query ProductVersion($id: ID!) { current: product(id: $id) { version } }');

const productNotFound = (id: string) => notFound('PRODUCT_NOT_FOUND', id);

type UpdateResult = ProductResult | VersionConflict | Refusal<'ProductNotFound'> | InvalidInput;

interface UpdateVariables extends Readonly<Record<string, unknown>> {
  readonly id: string;
  readonly expectedVersion: number;
  readonly input: Partial<ProductBody>;
}

const update = operation<{ readonly updateProduct: UpdateResult }, UpdateVariables>(
  `mutation UpdateProduct($id: ID!, $expectedVersion: Int!, $input: UpdateProductInput!) {
    updateProduct(id: $id, expectedVersion: $expectedVersion, input: $input, exact: true) {
      __typename ... on Product { ${PRODUCT_FIELDS} } ${REFUSALS} ${INVALID_INPUT}
    }
  }`,
);

function updated(
  { updateProduct: result }: { readonly updateProduct: UpdateResult },
  { id }: Call<unknown, ProductChange>,
): Answer | Conflict {
  switch (result.__typename) {
    case 'VersionConflict':
      return conflict(result.currentVersion);
    case 'ProductNotFound':
      return productNotFound(id);
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'Product':
      return productAnswer(200, result);
  }
}

/** What is written of a body; members that are read-only, or a condition, are not. */
const written = ({ name, description, price, stock }: ProductChange): Partial<ProductBody> => ({
  name,
  description,
  price,
  stock,
});

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

export const put = guardedRoute({
  method: 'PUT',
  path: '/products/{id}',
  operationId: 'replaceProduct',
  summary: 'Replaces a product, if it is still at the version in `If-Match` or in the body',
  tag: 'Products',
  secured: true,
  headers: [IF_MATCH, UNLESS_MATCH],
  body: { schema: replacement, mediaTypes: JSON_BODY },
  replies: WRITE_REPLIES,
  problems: WRITE_PROBLEMS,
  condition: 'required',
  bodyVersion: (body: ProductChange) => body.version,
  current: currentProduct,
  operation: update,
  variables: ({ id, body }, expectedVersion) => ({ id, expectedVersion, input: written(body) }),
  answer: updated,
  notFound: productNotFound,
});

export const patch = guardedRoute({
  method: 'PATCH',
  path: '/products/{id}',
  operationId: 'changeProduct',
  summary: 'Changes some fields of a product, if it is still at the version in `If-Match`',
  tag: 'Products',
  secured: true,
  headers: [{ ...IF_MATCH, required: true }, UNLESS_MATCH],
  body: { schema: change, mediaTypes: MERGE_PATCH_BODY },
  replies: WRITE_REPLIES,
  problems: WRITE_PROBLEMS,
  condition: 'required',
  bodyVersion: (body: ProductChange) => body.version,
  current: currentProduct,
  operation: update,
  variables: ({ id, body }, expectedVersion) => ({ id, expectedVersion, input: written(body) }),
  answer: updated,
  notFound: productNotFound,
});

type DeleteResult = { readonly __typename: 'ProductDeleted' } | VersionConflict | Refusal<'ProductNotFound'>;

export const remove = guardedRoute({
  method: 'DELETE',
  path: '/products/{id}',
  operationId: 'deleteProduct',
  summary: 'Takes a product out of the catalogue; its orders still show it',
  tag: 'Products',
  secured: true,
  headers: [IF_MATCH, UNLESS_MATCH],
  replies: { 204: { description: 'The product is gone from the catalogue' } },
  problems: ['FORBIDDEN', 'PRODUCT_NOT_FOUND', 'VERSION_CONFLICT', 'PRECONDITION_FAILED'],
  condition: 'optional',
  current: currentProduct,
  operation: operation<
    { readonly deleteProduct: DeleteResult },
    { readonly id: string; readonly expectedVersion: number }
  >(
    `mutation DeleteProduct($id: ID!, $expectedVersion: Int!) {
      deleteProduct(id: $id, expectedVersion: $expectedVersion) { __typename ${REFUSALS} }
    }`,
  ),
  variables: ({ id }, expectedVersion) => ({ id, expectedVersion }),
  answer: ({ deleteProduct: result }, { id }) => {
    if (result.__typename === 'VersionConflict') return conflict(result.currentVersion);
    return result.__typename === 'ProductNotFound' ? productNotFound(id) : done(204);
  },
  notFound: productNotFound,
});
