// For tests: resolvers of a store in memory, just enough of it for the REST shim to be tried.
import { orderResolvers } from './stub-orders.ts';
import { productResolvers } from './stub-products.ts';
import type { StubOptions } from './stub-system.ts';
import { userResolvers } from './stub-users.ts';

export const NOW = '2026-11-23T08:15:30.000Z';

export interface StubProduct {
  id: string;
  name: string;
  description: string | null;
  price: string;
  stock: number;
  version: number;
}

export interface StubStore {
  readonly products: Map<string, StubProduct>;
  /** Every `createOrder` input that came. */
  readonly orderInputs: unknown[];
  /** Every `createProduct` input that came. */
  readonly productInputs: unknown[];
  /** What every `allOrders` was asked for. */
  readonly orderQueries: unknown[];
  /** The status of the next order. */
  orderStatus: string;
  /** How many writes somebody else gets in first. */
  overtakes: number;
  addProduct(fields?: Partial<StubProduct>): StubProduct;
  readonly resolvers: StubOptions['resolvers'];
}

export const USER_ID = '1';

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
