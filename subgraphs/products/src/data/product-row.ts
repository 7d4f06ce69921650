// The columns of `products.products`, and the types of a row and of what clients write.
import type { Product as ProductModel } from '@holdfast/database';
import {
  type ColumnsOf,
  integer,
  nullable,
  numeric,
  type RowOf,
  selectList,
  text,
  timestamptz,
} from '@holdfast/platform/postgres/sql';
import type { CreateProductInput, UpdateProductInput } from '../generated/graphql.ts';

export const PRODUCT = {
  id: integer,
  name: text,
  description: nullable(text),
  price: numeric,
  stock: integer,
  version: integer,
  contentVersion: integer,
  archivedAt: nullable(timestamptz),
  createdAt: timestamptz,
  updatedAt: timestamptz,
} satisfies ColumnsOf<ProductModel>;

/** The price is a decimal string. */
export type Product = RowOf<typeof PRODUCT> & {
  /** This last row of a page is no product of the page: it marks the position in the list up to which the search has read. */
  readonly isMark?: boolean;
};

/** With the name of the table, so that a join is not ambiguous. */
export const PRODUCT_COLUMNS = selectList(PRODUCT, 'products');

/** The fields of a new product. */
export type NewProduct = {
  readonly [Field in Exclude<keyof CreateProductInput, 'idempotencyKey'>]: Product[Field];
};

/** The fields to change; an undefined field stays as it is. */
export type ProductChange = {
  readonly [Field in keyof UpdateProductInput]?: Product[Field] | undefined;
};
