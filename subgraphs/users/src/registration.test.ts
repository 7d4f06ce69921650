// Opening accounts, over HTTP and against PostgreSQL.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestUsers, type TestUsers } from './testing.ts';

const REGISTER = `mutation ($input: RegisterInput!) {
  register(input: $input) {
    __typename
    ... on User { id username email role version createdAt updatedAt }
    ... on Problem { code message }
    ... on InvalidInput { errors { field message } }
  }
}`;

const PASSWORD = 'staple battery 42 horse';

let users: TestUsers;
beforeAll(async () => {
  users = await startTestUsers();
});
afterAll(() => users.stop());

async function register(username: string, email: string, password = PASSWORD) {
  const { data, errors } = await users.graphql(REGISTER, { input: { username, email, password } });
  expect(errors).toEqual([]);
  return data.register;
}

describe('register', () => {
  it('opens an account and shows it to its owner, the address in lower case', async () => {
    const before = Date.now();
    const user = await register('Ada.Lovelace_1-x', ' Ada@Example.COM ');
    expect(user).toEqual({
      __typename: 'User',
      id: expect.stringMatching(/^[1-9]\d*$/),
      username: 'Ada.Lovelace_1-x',
      email: 'ada@example.com',
      role: 'CUSTOMER',
      version: 1,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updatedAt: expect.any(String),
    });
    expect(Math.abs(Date.parse(user.createdAt) - before)).toBeLessThan(60_000);
  });

  it('stores an argon2id hash with the parameters that OWASP names, and no password', async () => {
    const { id } = await register('hashed', 'hashed@example.com');
    const { rows } = await users.pool.query('SELECT * FROM users.users WHERE id = $1', [id]);
    expect(rows[0].password_hash).toMatch(
      /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/,
    );
    expect(JSON.stringify(rows)).not.toContain(PASSWORD);
  });

  it.each([
    ['a username', 'a b', 'good@example.com'],
    ['an address of 900 kB', 'good', '@'.repeat(900_000)],
  ])('does not estimate a password beside %s that breaks a rule', async (_, username, email) => {
    const { errors } = await register(username, email, 'liverpoolfc1');
    expect(errors.map(({ field }: { field: string }) => field)).toEqual([
      email.length > 254 ? 'email' : 'username',
    ]);
  });

  it('tells every field that breaks a rule at once, and never the password', async () => {
    const { errors, ...problem } = await register('a b', 'nobody', 'zq7');
    expect(problem).toEqual({
      __typename: 'InvalidInput',
      code: 'INVALID_INPUT',
      message:
        'Invalid input: `username`: expected 3 to 64 of letters, digits and _ . -, got "a b"; ' +
        '`email`: expected an e-mail address such as ada@example.com, got "nobody"; ' +
        '`password`: expected 12 to 128 characters, got 3.',
    });
    expect(errors).toEqual([
      { field: 'username', message: 'expected 3 to 64 of letters, digits and _ . -, got "a b"' },
      { field: 'email', message: 'expected an e-mail address such as ada@example.com, got "nobody"' },
      { field: 'password', message: 'expected 12 to 128 characters, got 3' },
    ]);
  });

  it('says UsernameTaken for a name in another case', async () => {
    await register('Grace', 'grace@example.com');
    expect(await register('gRACE', 'other-grace@example.com')).toEqual({
      __typename: 'UsernameTaken',
      code: 'USERNAME_TAKEN',
      message: 'Another username is expected: "gRACE" is taken.',
    });
  });

  it('says EmailTaken for an address in another case', async () => {
    await register('linus', 'linus@example.com');
    expect(await register('linus2', 'LINUS@example.com')).toEqual({
      __typename: 'EmailTaken',
      code: 'EMAIL_TAKEN',
      message: 'Another e-mail address is expected: "linus@example.com" has an account.',
    });
  });

  it('opens one account when twenty callers race for a name in different case, round after round', async () => {
    for (let round = 0; round < 3; round += 1) {
      const name = `racer${round}x`;
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) => {
          const cased = [...name].map((sign, at) => ((index >> at) & 1 ? sign.toUpperCase() : sign)).join('');
          return register(cased, `racer-${round}-${index}@example.com`);
        }),
      );
      const kinds = outcomes.map(({ __typename }) => __typename).sort();
      expect(kinds).toEqual(['User', ...Array(19).fill('UsernameTaken')]);
      const { rowCount } = await users.pool.query('SELECT 1 FROM users.users WHERE lower(username) = $1', [
        name,
      ]);
      expect(rowCount).toBe(1);
    }
  });

  it('opens one account when ten callers race for an address', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, index) => register(`mailer-${index}`, 'one@example.com')),
    );
    const kinds = outcomes.map(({ __typename }) => __typename).sort();
    expect(kinds).toEqual([...Array(9).fill('EmailTaken'), 'User']);
  });
});

describe('a service whose passwords queue is full', () => {
  it('says SERVICE_UNAVAILABLE to those who come too late, and serves the others', async () => {
    const busy = await startTestUsers({ ARGON2_CONCURRENCY: '1', ARGON2_QUEUE: '2' });
    try {
      const replies = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          busy.graphql(REGISTER, {
            input: { username: `user-${index}`, email: `u${index}@example.com`, password: PASSWORD },
          }),
        ),
      );
      const opened = replies.filter(({ data }) => data?.register?.__typename === 'User');
      const refused = replies.filter(({ errors }) => errors[0]?.extensions.code === 'SERVICE_UNAVAILABLE');
      expect(opened.length).toBeGreaterThanOrEqual(3);
      expect(refused.length).toBeGreaterThan(0);
      expect(opened.length + refused.length).toBe(10);
      expect(refused[0]?.errors[0]?.extensions).toEqual({ code: 'SERVICE_UNAVAILABLE', retryAfter: 1 });
    } finally {
      await busy.stop();
    }
  });
});
