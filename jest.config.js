// Jest runs the sources: ES modules of which the types are stripped, as Node does it.
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/scripts/strip-types.mjs' },
  testMatch: ['**/src/**/*.test.ts'],
  globalSetup: '<rootDir>/test/src/setup/global-setup.ts',
  globalTeardown: '<rootDir>/test/src/setup/global-teardown.ts',
  testSequencer: '<rootDir>/scripts/long-tests-first.mjs',
  // Tests mostly wait for PostgreSQL and for each other's locks.
  maxWorkers: '100%',
  testTimeout: 30_000,
};
