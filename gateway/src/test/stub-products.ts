// For tests: the products subgraph in memory.
import { badInput } from '@holdfast/platform/errors';
import { MoneyScalar } from '@holdfast/platform/graphql/scalars';
import { z } from 'zod';
import { NOW, type StubProduct, type StubStore } from './stub-data.ts';
import type { Resolvers } from './stub-system.ts';

const updateArguments = z.strictObject({
  id: z.string(),
  expectedVersion: z.int(),
  exact: z.boolean(),
  input: z.record(z.string(), z.unknown()),
});
const fieldsOf = z.strictObject({
  name: z.string().optional(),
  description: z.string().nullish(),
  price: z.string().optional(),
  stock: z.int().optional(),
});
const newProduct = fieldsOf.extend({ name: z.string(), idempotencyKey: z.string().optional() });
const idOf = z.looseObject({ id: z.string() });
const pageOf = z.looseObject({ first: z.int(), after: z.string().optional() });

const notFound = {
  __typename: 'ProductNotFound',
  code: 'PRODUCT_NOT_FOUND',
  message: 'There is no such product.',
};

export function productResolvers(store: StubStore): Resolvers {
  const shown = (product: StubProduct) => ({
    __typename: 'Product',
    createdAt: NOW,
    updatedAt: NOW,
    ...product,
  });

  function change(id: string, expectedVersion: number, apply: (product: StubProduct) => boolean) {
    const product = store.products.get(id);
    if (!product) return notFound;
    if (store.overtakes > 0) {
      store.overtakes -= 1;
      product.version += 1;
    }
    if (product.version !== expectedVersion) {
      const message = `Version ${expectedVersion} was expected.`;
      return {
        __typename: 'VersionConflict',
        code: 'VERSION_CONFLICT',
        message,
        currentVersion: product.version,
        current: shown(product),
      };
    }
    if (!apply(product)) return shown(product);
    product.version += 1;
    return shown(product);
  }

  return {
    Money: MoneyScalar,
    Query: {
      product: (_: unknown, args: unknown) => {
        const product = store.products.get(idOf.parse(args).id);
        return product ? shown(product) : null;
      },
      products: (_: unknown, args: unknown) => {
        const { first, after } = pageOf.parse(args);
        if (after === 'nonsense') throw badInput('after', 'expected a cursor, got "nonsense"');
        const edges = [...store.products.values()].map((product) => ({
          node: shown(product),
          cursor: product.id,
        }));
        const from = edges.findIndex(({ cursor }) => cursor === after) + 1;
        const page = edges.slice(from, from + first);
        const hasNextPage = from + first < edges.length;
        return {
          edges: page,
          pageInfo: { hasNextPage, hasPreviousPage: from > 0, endCursor: page.at(-1)?.cursor },
        };
      },
    },
    Mutation: {
      createProduct: (_: unknown, args: unknown) => {
        const { input } = z.strictObject({ input: newProduct }).parse(args);
        const { idempotencyKey: _key, ...fields } = input;
        store.productInputs.push(input);
        if (input.name === 'reused') {
          const code = 'IDEMPOTENCY_KEY_REUSED';
          return { __typename: 'IdempotencyKeyReused', code, message: 'Used before.' };
        }
        if (input.name === 'invalid') {
          const errors = [{ field: 'name', message: 'expected another name' }];
          return { __typename: 'InvalidInput', code: 'INVALID_INPUT', message: 'Please mend: name.', errors };
        }
        return shown(store.addProduct({ ...fields, description: input.description ?? null }));
      },
      updateProduct: (_: unknown, args: unknown) => {
        const { id, expectedVersion, exact, input } = updateArguments.parse(args);
        if (!exact) throw new Error('REST must be exact');
        return change(id, expectedVersion, (product) => {
          Object.assign(product, fieldsOf.parse(input));
          return Object.keys(input).length > 0;
        });
      },
      deleteProduct: (_: unknown, args: unknown) => {
        const { id, expectedVersion } = updateArguments.pick({ id: true, expectedVersion: true }).parse(args);
        const result = change(id, expectedVersion, () => store.products.delete(id));
        return result.__typename === 'Product' ? { __typename: 'ProductDeleted', id } : result;
      },
    },
  };
}
