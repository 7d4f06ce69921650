// Authorise, call one domain function, return.

import { requireStaff, requireUser, type User } from '@holdfast/platform/auth/viewer';
import type { EntityKey } from '@holdfast/platform/graphql/entities';
import type { FieldsBeside } from '@holdfast/platform/graphql/fields';
import { DateTimeScalar, MoneyScalar } from '@holdfast/platform/graphql/scalars';
import { parseId } from '@holdfast/platform/ids';
import type { Context } from './context.ts';
import type { Product } from './data/product-row.ts';
import { browse } from './domain/browse.ts';
import type { Product as GraphProduct, Resolvers } from './generated/graphql.ts';

const requireWriter = ({ viewer, catalogWriters }: Context): User =>
  catalogWriters === 'staff' ? requireStaff(viewer) : requireUser(viewer);

async function load(given: string, { products }: Context): Promise<Product | null> {
  const id = parseId(given);
  return id === undefined ? null : products.load(id);
}

/** Problems name their type; what does not is the product itself. */
const memberType = <Problem extends string>(
  outcome: Product | { readonly __typename?: Problem },
): Problem | 'Product' => ('__typename' in outcome ? outcome.__typename : undefined) ?? 'Product';

export const resolvers = {
  DateTime: DateTimeScalar,
  Money: MoneyScalar,
  Query: {
    product: async (_, { id }, context) => {
      const product = await load(id, context);
      return product?.archivedAt === null ? product : null;
    },
    products: (_, args, { lists, request }) => browse(lists, args, request.signal),
  },
  Mutation: {
    createProduct: (_, { input }, context) => {
      const { id: userId } = requireWriter(context);
      return context.catalog.create(userId, input);
    },
    updateProduct: (_, { id, expectedVersion, input, exact }, context) => {
      const { origin, record } = context;
      const editor = { user: requireWriter(context), origin, record };
      return context.catalog.update(editor, id, expectedVersion, exact ?? false, input);
    },
    deleteProduct: (_, { id, expectedVersion }, context) => {
      requireWriter(context);
      return context.catalog.remove(id, expectedVersion);
    },
    adjustStock: (_, change, context) => {
      const { id: userId } = requireWriter(context);
      return context.catalog.adjustStock(userId, change);
    },
  },
  // Every field is a member of the row; `entities` finds one by its key.
  Product: {},
  CreateProductResult: { __resolveType: memberType },
  UpdateProductResult: { __resolveType: memberType },
  DeleteProductResult: { __resolveType: ({ __typename }) => __typename ?? 'ProductDeleted' },
  AdjustStockResult: { __resolveType: memberType },
} satisfies Resolvers & { Product: FieldsBeside<GraphProduct, Product> };

/** Orders show products that have left the catalog, so a reference finds those too. */
export const entities = {
  Product: async (keys: readonly EntityKey[], { readProducts }: Context) => {
    const ids = keys.map(({ id }) => parseId(id));
    const wanted = [...new Set(ids.filter((id) => id !== undefined))];
    const products = await readProducts(wanted);
    const byId = new Map(wanted.map((id, index) => [id, products[index]]));
    return ids.map((id) => (id === undefined ? null : (byId.get(id) ?? null)));
  },
};
