// For tests: resolvers of a store in memory, just enough of it for the REST shim to be tried.

import type { StubProduct, StubStore } from './stub-data.ts';
import { orderResolvers } from './stub-orders.ts';
import { productResolvers } from './stub-products.ts';
import { userResolvers } from './stub-users.ts';

export function createStubStore(): StubStore {
  const products = new Map<string, StubProduct>();
  let added = 0;
  const store: StubStore = {
    products,
    orderInputs: [],
    productInputs: [],
    orderQueries: [],
    orderStatus: 'CONFIRMED',
    overtakes: 0,
    addProduct: (fields) => {
      added += 1;
      const product = {
        id: String(added),
        name: 'Pot',
        description: null,
        price: '19.99',
        stock: 5,
        version: 1,
        ...fields,
      };
      products.set(product.id, product);
      return product;
    },
    get resolvers() {
      return { users: userResolvers(), products: productResolvers(store), orders: orderResolvers(store) };
    },
  };
  return store;
}
