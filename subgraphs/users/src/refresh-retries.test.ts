// A refresh that comes twice: two tabs at once, or a call whose reply was lost. What comes later without the key is a theft.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createSuccessors, refreshTokenHash } from './domain/refresh-tokens.ts';
import { startTestUsers, type TestUsers } from './testing.ts';
import { callsTo, PASSWORD, waitOutRepeats } from './testing-calls.ts';

const REFRESH = `mutation ($token: String!, $key: String) { refreshSession(refreshToken: $token, idempotencyKey: $key) {
  __typename ... on Session { accessToken refreshToken user { username } } } }`;

let users: TestUsers;
const calls = callsTo(() => users);
beforeAll(async () => {
  users = await startTestUsers();
  await calls.open('ada');
});
afterAll(() => users.stop());

const refresh = async (token: string, key?: string, at: Pick<TestUsers, 'graphql'> = users) => {
  const { data, errors } = await at.graphql(REFRESH, { token, key });
  expect(errors).toEqual([]);
  return data.refreshSession;
};
const login = async (): Promise<string> => (await calls.login('ada', PASSWORD)).refreshToken;
const REFUSED = { __typename: 'InvalidCredentials' };

describe('a refresh that comes again within ten seconds', () => {
  it.each([
    ['without a key', undefined, undefined],
    ['with its key', 'one', 'one'],
    ['with another key, as from another tab', 'one', 'another'],
  ])('%s gives the same next token, which then goes on as any other', async (_, key, again) => {
    const first = await login();
    const second = await refresh(first, key);
    expect(second).toMatchObject({ __typename: 'Session', user: { username: 'ada' } });
    for (let retry = 0; retry < 3; retry += 1)
      expect(await refresh(first, again)).toMatchObject({
        __typename: 'Session',
        refreshToken: second.refreshToken,
      });
    const third = await refresh(second.refreshToken);
    expect(third.__typename).toBe('Session');
    expect(third.refreshToken).not.toBe(second.refreshToken);
    expect((await refresh(third.refreshToken)).__typename).toBe('Session');
  });

  it('twenty times at once, at two instances, gives the same next token to all', async () => {
    const other = await users.another();
    try {
      for (let round = 0; round < 10; round += 1) {
        const first = await login();
        const sessions = await Promise.all(
          Array.from({ length: 20 }, (_, index) => refresh(first, undefined, [users, other][index % 2])),
        );
        expect(new Set(sessions.map(({ __typename }) => __typename))).toEqual(new Set(['Session']));
        const tokens = new Set(sessions.map(({ refreshToken }) => refreshToken));
        expect(tokens.size).toBe(1);
        expect((await refresh([...tokens][0])).__typename).toBe('Session');
      }
    } finally {
      await other.stop();
    }
  });

  it('ends the session when the next token was used', async () => {
    const first = await login();
    const second = await refresh(first, 'mine');
    const third = await refresh(second.refreshToken, 'next');
    expect(await refresh(first, 'mine')).toEqual(REFUSED);
    expect(await refresh(third.refreshToken)).toEqual(REFUSED);
  });

  it('opens nothing after a logout', async () => {
    const first = await login();
    await refresh(first, 'mine');
    await users.graphql('mutation ($token: String!) { logout(refreshToken: $token) }', { token: first });
    expect(await refresh(first, 'mine')).toEqual(REFUSED);
  });

  it('is refused when the key is malformed, and uses up no token', async () => {
    const first = await login();
    const { errors } = await users.graphql(REFRESH, { token: first, key: '' });
    expect(errors).toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT', errors: [{ field: 'idempotencyKey' }] } },
    ]);
    expect((await refresh(first)).__typename).toBe('Session');
  });
});

describe('a refresh that comes again later', () => {
  it('with its key gives the same next token', async () => {
    const first = await login();
    const second = await refresh(first, 'mine');
    await waitOutRepeats(users.pool, first);
    expect(await refresh(first, 'mine')).toMatchObject({ refreshToken: second.refreshToken });
  });

  it.each([
    ['another key', 'mine', 'another'],
    ['no key', 'mine', undefined],
    ['a key, after the first had none', undefined, 'mine'],
    ['no key, like the first', undefined, undefined],
  ])('with %s ends the session', async (_, key, again) => {
    const first = await login();
    const second = await refresh(first, key);
    await waitOutRepeats(users.pool, first);
    expect(await refresh(first, again)).toEqual(REFUSED);
    expect(await refresh(first, key)).toEqual(REFUSED);
    expect(await refresh(second.refreshToken)).toEqual(REFUSED);
  });
});

describe('the next token', () => {
  const token = 'A'.repeat(43);

  it('has the form of a refresh token, and follows from token and secret', () => {
    const [next] = createSuccessors(['secret'])(token);
    expect(refreshTokenHash(next.token)).toEqual(next.hash);
    expect(createSuccessors(['secret'])(token)[0]).toEqual(next);
    for (const other of [
      createSuccessors(['secret'])('B'.repeat(43))[0],
      createSuccessors(['another secret'])(token)[0],
    ])
      expect(other.token).not.toBe(next.token);
  });

  it('is known again while the secret is being rotated', () => {
    const [issued] = createSuccessors(['old', 'new'])(token);
    expect(createSuccessors(['new', 'old'])(token)).toContainEqual(issued);
  });
});
