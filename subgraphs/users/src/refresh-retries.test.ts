// A refresh whose reply was lost: with its key it can be sent again, and nobody without the key gains anything by it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createSuccessors, refreshTokenHash } from './domain/refresh-tokens.ts';
import { startTestUsers, type TestUsers } from './testing.ts';
import { callsTo, PASSWORD } from './testing-calls.ts';

const REFRESH = `mutation ($token: String!, $key: String) { refreshSession(refreshToken: $token, idempotencyKey: $key) {
  __typename ... on Session { accessToken refreshToken user { username } } } }`;

let users: TestUsers;
const calls = callsTo(() => users);
beforeAll(async () => {
  users = await startTestUsers();
  await calls.open('ada');
});
afterAll(() => users.stop());

const refresh = async (token: string, key?: string) => {
  const { data, errors } = await users.graphql(REFRESH, { token, key });
  expect(errors).toEqual([]);
  return data.refreshSession;
};
const login = async (): Promise<string> => (await calls.login('ada', PASSWORD)).refreshToken;
const REFUSED = { __typename: 'InvalidCredentials' };

describe('a refresh with a key', () => {
  it('that is sent again gives the same next token, which then goes on as any other', async () => {
    const first = await login();
    const second = await refresh(first, 'one');
    expect(second).toMatchObject({ __typename: 'Session', user: { username: 'ada' } });
    for (let retry = 0; retry < 3; retry += 1) {
      const again = await refresh(first, 'one');
      expect(again).toMatchObject({ __typename: 'Session', refreshToken: second.refreshToken });
    }
    const third = await refresh(second.refreshToken, 'one');
    expect(third.__typename).toBe('Session');
    expect(third.refreshToken).not.toBe(second.refreshToken);
    expect((await refresh(third.refreshToken)).__typename).toBe('Session');
  });

  it('that is sent twenty times at once gives the same next token to all', async () => {
    for (let round = 0; round < 5; round += 1) {
      const first = await login();
      const sessions = await Promise.all(Array.from({ length: 20 }, () => refresh(first, 'at once')));
      const tokens = new Set(sessions.map(({ refreshToken }) => refreshToken));
      expect(tokens.size).toBe(1);
      expect((await refresh([...tokens][0])).__typename).toBe('Session');
    }
  });

  it.each([
    ['another key', 'another'],
    ['no key', undefined],
  ])('ends the session when its token comes again with %s', async (_, key) => {
    const first = await login();
    const second = await refresh(first, 'mine');
    expect(await refresh(first, key)).toEqual(REFUSED);
    expect(await refresh(first, 'mine')).toEqual(REFUSED);
    expect(await refresh(second.refreshToken)).toEqual(REFUSED);
  });

  it('ends the session when it comes again after the next token was used', async () => {
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

describe('the next token', () => {
  const token = 'A'.repeat(43);

  it('has the form of a refresh token, and follows from token, key and secret', () => {
    const [next] = createSuccessors(['secret'])(token, 'k');
    expect(refreshTokenHash(next.token)).toEqual(next.hash);
    expect(createSuccessors(['secret'])(token, 'k')[0]).toEqual(next);
    for (const other of [
      createSuccessors(['secret'])(token, 'l')[0],
      createSuccessors(['secret'])('B'.repeat(43), 'k')[0],
      createSuccessors(['another secret'])(token, 'k')[0],
    ])
      expect(other.token).not.toBe(next.token);
  });

  it('is known again while the secret is being rotated', () => {
    const [issued] = createSuccessors(['old', 'new'])(token, 'k');
    expect(createSuccessors(['new', 'old'])(token, 'k')).toContainEqual(issued);
  });
});
