// Jest runs what tsc built: ES modules, no transform. `npm test` builds first.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const projects = [
  'platform',
  'prisma',
  'subgraphs/users',
  'subgraphs/products',
  'subgraphs/orders',
  'gateway',
  'scripts',
  'test',
];
const dist = (project) => fileURLToPath(new URL(`${project}/dist`, import.meta.url));

export default {
  testEnvironment: 'node',
  transform: {},
  roots: projects.map(dist).filter((folder) => existsSync(folder)),
  testMatch: ['**/dist/**/*.test.js'],
  globalSetup: '<rootDir>/test/dist/setup/global-setup.js',
  globalTeardown: '<rootDir>/test/dist/setup/global-teardown.js',
  // Tests mostly wait for PostgreSQL and for each other's locks.
  maxWorkers: '100%',
  testTimeout: 30_000,
};
