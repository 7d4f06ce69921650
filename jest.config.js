// Jest runs the sources: ES modules of which the types are stripped, as Node does it.
import { availableParallelism } from 'node:os';

export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/scripts/strip-types.mjs' },
  testMatch: ['**/src/**/*.test.ts'],
  globalSetup: '<rootDir>/test/src/setup/global-setup.ts',
  globalTeardown: '<rootDir>/test/src/setup/global-teardown.ts',
  testSequencer: '<rootDir>/scripts/long-tests-first.mjs',
  // Tests wait for PostgreSQL, for locks and for timeouts: with one more than there are processors, less of those idles.
  maxWorkers: availableParallelism() + 1,
  testTimeout: 60_000,
};
