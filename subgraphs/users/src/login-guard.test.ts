// What is counted of tries to log in, against PostgreSQL.
import { NO_ORIGIN } from '@holdfast/platform/auth/security-events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createKnownAddresses } from './data/known-addresses.ts';
import { createLoginTries } from './data/login-tries.ts';
import { createDeviceTokens } from './domain/device-tokens.ts';
import { createLoginGuard } from './domain/login-guard.ts';
import { startTestUsers, type TestUsers } from './testing.ts';

/** How many tries are let through at once. */
const FREE = 20;

let users: TestUsers;
beforeAll(async () => {
  users = await startTestUsers();
});
afterAll(() => users.stop());

const fail = async (username: string): Promise<string> => {
  const input = { username, password: 'not the password' };
  const { data } = await users.graphql(
    'mutation ($input: LoginInput!) { login(input: $input) { __typename } }',
    { input },
  );
  return data.login.__typename;
};

describe('the spellings of an address', () => {
  beforeAll(async () => {
    const input = { username: 'Ada', email: 'ada@bücher.example', password: 'staple battery 42 horse' };
    await users.graphql('mutation ($input: RegisterInput!) { register(input: $input) { __typename } }', {
      input,
    });
  });

  it.each([
    ['an account has', 'ada'],
    ['no account has', 'nobody'],
  ])('that %s are counted as one', async (_, local) => {
    const [plain, ...others] = [
      `${local}@bücher.example`,
      `${local}@xn--bcher-kva.example`,
      `${local}@ｂüｃher.example`,
      `${local}@bücher.example${' '.repeat(300)}`,
    ] as const;
    for (let count = 0; count < FREE; count += 1) expect(await fail(plain)).toBe('InvalidCredentials');
    for (const spelling of others)
      expect([spelling, await fail(spelling)]).toEqual([spelling, 'LoginLimited']);
  });
});

it('of the tries that are not told, 5 are made; those that cannot be made do not count', async () => {
  const secrets = ['known to this test alone, and to no service'] as const;
  const guard = createLoginGuard({
    tries: createLoginTries(users.pool),
    known: createKnownAddresses(users.pool),
    deviceTokens: createDeviceTokens(secrets),
    secrets,
  });
  const tried = { name: 'nobody', found: undefined, origin: NO_ORIGIN, deviceToken: undefined };
  const busy = new Error('too many wait');
  for (let count = 0; count < 6; count += 1)
    await expect(guard.tryUntold(tried, () => Promise.reject(busy))).rejects.toBe(busy);
  const made: boolean[] = [];
  for (let count = 0; count < 6; count += 1) made.push(await guard.tryUntold(tried, async () => true));
  expect(made).toEqual([true, true, true, true, true, false]);
});
