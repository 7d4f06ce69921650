// What is counted of tries to log in, against PostgreSQL.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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
