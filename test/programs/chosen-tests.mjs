// The tests that also run in another way, as patterns of paths for Jest. test/src/setup/programs.test.ts checks that each pattern
// matches a test.

/**
 * What an older PostgreSQL can break: migrations, constraints, rights, every statement of a service, races, and what clients see
 * of orders and of the search. The statements of accounts and products are among those that `data/statements` runs.
 */
export const ON_POSTGRES_15 = [
  'prisma/src/migrate',
  'prisma/src/migrations',
  'prisma/src/queue',
  'prisma/src/roles',
  'prisma/src/schema',
  'subgraphs/orders/src/data/statements',
  'subgraphs/products/src/data/statements',
  'subgraphs/users/src/data/statements',
  'test/src/sql/platform-statements',
  'test/src/concurrency/',
  'test/src/contract/orders',
  'test/src/contract/search',
];

/** What `npm run test:long` repeats: races, the model, crashes, and the queue with its neighbours in test/src/load. */
export const LONG_TESTS = [
  'gateway/src/federation/execution/execution',
  'test/src/concurrency/',
  'test/src/faults/outages',
  'test/src/model/',
  'test/src/load/',
];
