// The row of `products.products`: its columns, and what clients write of them.
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

/** A product as the service handles it: the price is a decimal string. */
export type Product = RowOf<typeof PRODUCT> & {
  /** At the end of a page: none of its products, but the place on the list up to which it was looked for them. */
  readonly isMark?: boolean;
};

/** With the name of the table, so that they can be told from those of a join. */
export const PRODUCT_COLUMNS = selectList(PRODUCT, 'products');

/** What a new product is made of. */
export type NewProduct = {
  readonly [Field in Exclude<keyof CreateProductInput, 'idempotencyKey'>]: Product[Field];
};

/** The fields that an editor changes; what is undefined stays. */
export type ProductChange = {
  readonly [Field in keyof UpdateProductInput]?: Product[Field] | undefined;
};
