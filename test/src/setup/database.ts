// A database of a test's own; see @holdfast/database/testing.
export {
  createTestDatabase,
  type TestDatabase,
  type TestServer,
  testServer,
} from '@holdfast/database/testing';
