// The queue for hashing is fair: one address that floods it does not keep others waiting.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestUsers, type TestUsers } from './testing.ts';
import { callsTo, NEXT_PASSWORD, PASSWORD } from './testing-calls.ts';

const ACCOUNTS = 30;
const CHANGES = 10;

const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { __typename } }';
const CHANGE = 'mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }';

let users: TestUsers;
const calls = callsTo(() => users);
beforeAll(async () => {
  users = await startTestUsers({ ARGON2_CONCURRENCY: '1' });
});
afterAll(() => users.stop());

it(`a login has a few hashes in front of it while ${ACCOUNTS} accounts at one address change passwords ${CHANGES} times each`, async () => {
  await calls.open('victim');
  const tokens: string[] = [];
  for (let index = 0; index < ACCOUNTS; index += 1) {
    await calls.open(`flood-${index}`);
    tokens.push((await calls.login(`flood-${index}`)).accessToken);
  }
  let hashed = 0;
  let refused = 0;
  const flood = tokens.flatMap((token) =>
    Array.from({ length: CHANGES }, async () => {
      const input = { currentPassword: 'not the password', newPassword: NEXT_PASSWORD };
      const { data } = await users.graphql(CHANGE, { input }, `Bearer ${token}`, '192.0.2.1');
      if (data.changePassword === null) refused += 1;
      else hashed += 1;
    }),
  );
  // Then as much of it waits as may.
  while (refused === 0) await new Promise((resolve) => setImmediate(resolve));

  const before = hashed;
  const input = { username: 'victim', password: PASSWORD };
  const { data } = await users.graphql(LOGIN, { input }, undefined, '192.0.2.2');
  const ahead = hashed - before;
  await Promise.all(flood);
  expect(data.login?.__typename).toBe('Session');
  console.info(`${ahead} of the ${hashed} hashes of the flood were in front of the victim's`);
  // The one that runs and the one whose turn it is; the rest ran while the account was looked up. 25 of the flood wait.
  expect(ahead).toBeLessThanOrEqual(12);
  expect(hashed - before).toBeGreaterThan(2 * ahead);
  expect(refused).toBeGreaterThan(0);
});
