// The resolvers of the products subgraph: each authorises the viewer and calls one function of the domain.

import type { EntityKey } from '@holdfast/platform/graphql/entities';
import type { FieldsBeside } from '@holdfast/platform/graphql/fields';
import { createMemberType } from '@holdfast/platform/graphql/result-unions';
import { DateTimeScalar, MoneyScalar } from '@holdfast/platform/graphql/scalars';
import { parseId } from '@holdfast/platform/ids';
import type { Context } from './context.ts';
import type { Product } from './domain.ts';
import type { Product as GraphProduct, Resolvers } from './generated/graphql.ts';

const __resolveType = createMemberType<Product, 'Product'>('Product');

export const resolvers = {
  DateTime: DateTimeScalar,
  Money: MoneyScalar,

  Query: {
    product: async (_, { id: given }, { products }) => {
      const id = parseId(given);
      const product = id === undefined ? null : await products.load(id);
      return product?.archivedAt === null ? product : null;
    },
    products: (_, query, { viewer, request, browse }) => browse(query, { viewer, signal: request.signal }),
  },

  Mutation: {
    createProduct: (_, { input }, { viewer, requireWriter, createProduct }) =>
      createProduct(input, requireWriter(viewer)),
    updateProduct: (_, change, { viewer, origin, requireWriter, updateProduct }) =>
      updateProduct(change, { user: requireWriter(viewer), origin }),
    deleteProduct: (_, change, { viewer, requireWriter, deleteProduct }) => {
      requireWriter(viewer);
      return deleteProduct(change);
    },
    adjustStock: (_, change, { viewer, requireWriter, adjustStock }) =>
      adjustStock(change, requireWriter(viewer)),
  },

  // GraphQL reads every field from the row; `entities` finds the row of a key.
  Product: {},

  CreateProductResult: { __resolveType },
  UpdateProductResult: { __resolveType },
  DeleteProductResult: { __resolveType: ({ __typename }) => __typename ?? 'ProductDeleted' },
  AdjustStockResult: { __resolveType },
} satisfies Resolvers & { Product: FieldsBeside<GraphProduct, Product> };

/** Loads deleted products too, because orders still show them. */
export const entities = {
  Product: async (keys: readonly EntityKey[], { readProducts }: Context) => {
    const ids = keys.map(({ id }) => parseId(id));
    const wanted = [...new Set(ids.filter((id) => id !== undefined))];
    const products = await readProducts(wanted);
    const byId = new Map(wanted.map((id, index) => [id, products[index]]));
    return ids.map((id) => (id === undefined ? null : (byId.get(id) ?? null)));
  },
};
