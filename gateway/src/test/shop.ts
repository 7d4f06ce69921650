// The graph of the shop, with the default limits and with settings for browsers, which modules of this suite share.
import { afterAll, beforeAll } from '@jest/globals';
import { type StubSystem, startStubSystem } from './stub-system.ts';

/** The site that may read replies. */
export const SITE = 'https://shop.example.com';

/** The root fields that subgraphs executed. A test may empty it. */
export const executed: string[] = [];

const execute = () => {
  executed.push('a field');
  return null;
};
export const resolvers = {
  users: { Query: { me: execute } },
  products: { Query: { product: execute, products: execute } },
  orders: { Query: { orders: execute } },
};

/** The gateway of these tests. It exists once they run. */
export let shop: StubSystem;

beforeAll(async () => {
  const settings = { CORS_ORIGINS: `${SITE}, http://localhost:5173`, TRUSTED_PROXIES: '1', DEMO: 'on' };
  shop = await startStubSystem({ resolvers, settings });
});
afterAll(() => shop.close());
