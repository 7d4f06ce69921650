// Jest runs the sources, which are ES modules, and strips their types, as Node does.
import { availableParallelism } from 'node:os';

export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  runtime: '<rootDir>/test/jest/runtime.mjs',
  transform: { '\\.ts$': '<rootDir>/test/jest/strip-types.mjs' },
  testMatch: ['**/src/**/*.test.ts'],
  globalSetup: '<rootDir>/test/src/setup/global-setup.ts',
  globalTeardown: '<rootDir>/test/src/setup/global-teardown.ts',
  testSequencer: '<rootDir>/test/jest/long-tests-first.mjs',
  // Many tests wait for timeouts and locks, so two workers more than processors leave few of them idle.
  maxWorkers: availableParallelism() + 2,
  // A worker keeps memory of every suite that it has run, and then spends its time on garbage collection: Jest replaces it.
  workerIdleMemoryLimit: '500MB',
  testTimeout: 120_000,
};
