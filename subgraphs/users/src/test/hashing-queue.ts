// The queues for hashing and for judging passwords are fair: one address that floods them does not keep others waiting.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hash } from '@node-rs/argon2';
import { type GraphQLReply, startTestUsers, type TestUsers } from '../testing.ts';
import { callsTo, NEXT_PASSWORD, PASSWORD } from '../testing-calls.ts';

describe('the queues of passwords', () => {
  const ACCOUNTS = 5;
  const TRIES = 6;
  const FLOOD_ADDRESS = '192.0.2.1';

  const REGISTER = 'mutation ($input: RegisterInput!) { register(input: $input) { __typename } }';
  const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { __typename } }';
  const CHANGE = 'mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }';

  let users: TestUsers;
  const calls = callsTo(() => users);
  const accounts: { readonly username: string; readonly bearer: string }[] = [];
  beforeAll(async () => {
    users = await startTestUsers({ ARGON2_CONCURRENCY: '1', ARGON2_QUEUE: '80' });
    for (let index = 0; index < ACCOUNTS; index += 1) {
      const username = `flood-${index}`;
      await calls.open(username);
      accounts.push({ username, bearer: `Bearer ${(await calls.login(username)).accessToken}` });
    }
    await calls.open('victim');
    // From now on a try costs as much as with a hash of the service, whose parameters are the defaults of the package.
    await users.pool.query('UPDATE users.users SET password_hash = $1', [await hash(PASSWORD)]);
  });
  afterAll(() => users.stop());

  /** Does `act` while as much of the flood waits as may; tells what of the flood was done before it, and in all. */
  async function during<Result>(
    send: (account: (typeof accounts)[number]) => Promise<GraphQLReply>,
    act: () => Promise<Result>,
  ) {
    let done = 0;
    const refusals: unknown[] = [];
    const { promise: isFull, resolve } = Promise.withResolvers<void>();
    const flood = accounts.flatMap((account) =>
      Array.from({ length: TRIES }, async () => {
        const { errors } = await send(account);
        if (errors.length === 0) done += 1;
        else resolve();
        refusals.push(...errors);
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

  it('let a login wait for few hashes while one address floods the queue with logins', async () => {
    const login = (username: string, password: string, address: string) =>
      users.graphql(LOGIN, { input: { username, password } }, undefined, address);
    const { result, ahead, rest } = await during(
      ({ username }) => login(username, 'not the password', FLOOD_ADDRESS),
      () => login('victim', PASSWORD, '192.0.2.2'),
    );
    expect(result.data.login?.__typename).toBe('Session');
    // The one that runs and the one whose turn it is; the others ran while the account was looked up. 20 of the flood wait.
    expect(rest).toBeGreaterThan(1.5 * ahead);
  });

  // The flood's passwords are refused before they are hashed, so that it fills the queue of those that are judged.
  const EASY = 'p@$$w0rd'.repeat(16);

  it('let a password wait for few others while one address floods the queue with passwords that are costly to judge', async () => {
    const input = { username: 'newcomer', email: 'newcomer@example.com', password: PASSWORD };
    const change = { currentPassword: PASSWORD, newPassword: NEXT_PASSWORD };
    const { accessToken } = await calls.login('victim');
    const judge = ({ bearer }: (typeof accounts)[number]) =>
      users.graphql(CHANGE, { input: { ...change, newPassword: EASY } }, bearer, FLOOD_ADDRESS);
    // The first judgement starts the thread.
    const [refused] = await Promise.all(accounts.slice(0, 1).map(judge));
    expect(refused?.data.changePassword.__typename).toBe('InvalidInput');
    const { result, ahead, rest } = await during(judge, () =>
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
