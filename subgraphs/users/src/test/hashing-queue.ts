// The queues for hashing and for judging passwords are fair: one address that floods them does not keep others waiting.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hash } from '@node-rs/argon2';
import { startTestUsers, type TestUsers } from '../testing.ts';
import { callsTo, NEXT_PASSWORD, PASSWORD } from '../testing-calls.ts';

describe('the queues of passwords', () => {
  const ACCOUNTS = 5;
  const CHANGES = 8;

  const REGISTER = 'mutation ($input: RegisterInput!) { register(input: $input) { __typename } }';
  const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { __typename } }';
  const CHANGE = 'mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }';

  let users: TestUsers;
  const calls = callsTo(() => users);
  beforeAll(async () => {
    users = await startTestUsers({ ARGON2_CONCURRENCY: '1' });
  });
  afterAll(() => users.stop());

  const FLOOD = `${ACCOUNTS} accounts at one address change passwords ${CHANGES} times each`;
  /** The access tokens of the accounts of the flood. */
  const tokens: string[] = [];
  beforeAll(async () => {
    for (let index = 0; index < ACCOUNTS; index += 1) {
      await calls.open(`flood-${index}`);
      tokens.push((await calls.login(`flood-${index}`)).accessToken);
    }
    await calls.open('victim');
    // From now on a try costs as much as with a hash of the service, whose parameters are the defaults of the package.
    await users.pool.query('UPDATE users.users SET password_hash = $1', [await hash(PASSWORD)]);
  });

  /** Does `act` while as much of the flood waits as may; tells what of the flood was done before it, and in all. */
  async function during<Result>(newPassword: string, act: () => Promise<Result>) {
    let done = 0;
    const refusals: unknown[] = [];
    const { promise: isFull, resolve } = Promise.withResolvers<void>();
    const flood = tokens.flatMap((token) =>
      Array.from({ length: CHANGES }, async () => {
        const input = { currentPassword: 'not the password', newPassword };
        const { data, errors } = await users.graphql(CHANGE, { input }, `Bearer ${token}`, '192.0.2.1');
        if (data.changePassword === null) {
          refusals.push(...errors);
          resolve();
        } else done += 1;
      }),
    );
    await Promise.race([isFull, Promise.all(flood)]);
    const before = done;
    const result = await act();
    const ahead = done - before;
    await Promise.all(flood);
    const refusal = { extensions: { code: 'SERVICE_UNAVAILABLE', retryAfter: 1 } };
    expect(refusals).toMatchObject(Array(flood.length - done).fill(refusal));
    expect(refusals).not.toEqual([]);
    return { result, ahead, rest: done - before };
  }

  it(`a login has a few hashes in front of it while ${FLOOD}`, async () => {
    const input = { username: 'victim', password: PASSWORD };
    const { result, ahead, rest } = await during(NEXT_PASSWORD, () =>
      users.graphql(LOGIN, { input }, undefined, '192.0.2.2'),
    );
    expect(result.data.login?.__typename).toBe('Session');
    // The one that runs and the one whose turn it is; the rest ran while the account was looked up. 25 of the flood wait.
    expect(ahead).toBeLessThanOrEqual(12);
    expect(rest).toBeGreaterThan(2 * ahead);
  });

  // The flood's passwords are refused before they are hashed, so that it fills the queue of those that are judged.
  const EASY = '4@8({[</369&#!1/|0$5+7%2'.repeat(5);

  it(`a password is judged after a few others while ${FLOOD}, all of them costly to judge`, async () => {
    const input = { username: 'newcomer', email: 'newcomer@example.com', password: PASSWORD };
    const { accessToken } = await calls.login('victim');
    const change = { currentPassword: PASSWORD, newPassword: NEXT_PASSWORD };
    const { result, ahead, rest } = await during(EASY, () =>
      Promise.all([
        users.graphql(REGISTER, { input }, undefined, '192.0.2.2'),
        users.graphql(CHANGE, { input: change }, `Bearer ${accessToken}`, '192.0.2.3'),
      ]),
    );
    expect(result[0].data.register?.__typename).toBe('User');
    expect(result[1].data.changePassword?.__typename).toBe('PasswordChanged');
    expect(rest).toBeGreaterThan(ahead);
  });
});
