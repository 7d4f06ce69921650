// For tests: what the stub subgraphs hold in memory.
import type { StubOptions } from './stub-system.ts';

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
