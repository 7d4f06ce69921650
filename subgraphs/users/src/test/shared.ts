// The service that modules of this suite share.
import { afterAll, beforeAll } from '@jest/globals';
import { startTestUsers, type TestUsers } from '../testing.ts';

/** Is there once the tests run. */
export let users: TestUsers;

beforeAll(async () => {
  users = await startTestUsers();
});
afterAll(() => users.stop());
