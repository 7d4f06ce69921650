// Changing a password, over HTTP and against PostgreSQL: who may, to what, and which sessions it ends.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestUsers, type TestUsers } from './testing.ts';
import {
  callsTo,
  kindOf,
  NEXT_PASSWORD as NEXT,
  PASSWORD,
  REFUSED_CHANGE as REFUSED,
  type Session,
} from './testing-calls.ts';

let users: TestUsers;
beforeAll(async () => {
  users = await startTestUsers();
});
afterAll(() => users.stop());

const calls = callsTo(() => users);
const { open, login, refresh } = calls;

let accounts = 0;
let name: string;
let id: string;
/** The session that the changes are made from. */
let own: Session;
beforeEach(async () => {
  accounts += 1;
  name = `somebody-number-${accounts}`;
  id = await open(name);
  own = await login(name);
});

const change = (input: object) => calls.change(own, input);

describe('changePassword', () => {
  it('gives the account another password, and a new version', async () => {
    const { rows } = await users.pool.query('SELECT updated_at FROM users.users WHERE id = $1', [id]);
    const { user, ...kind } = await change({});
    expect(kind).toEqual({ __typename: 'PasswordChanged' });
    expect(user).toEqual({
      id,
      username: name,
      email: `${name}@example.com`,
      version: 2,
      updatedAt: expect.any(String),
    });
    expect(Date.parse(user.updatedAt)).toBeGreaterThan(rows[0].updated_at.getTime());
    expect(await kindOf(login(name, NEXT))).toBe('Session');
    expect(await kindOf(login(name, PASSWORD))).toBe('InvalidCredentials');
  });

  it.each([
    ['wrong', `${PASSWORD}!`],
    ['empty', ''],
    ['of 100,000 characters', 'x'.repeat(100_000)],
    ['the new one', NEXT],
  ])('changes nothing when the current password is %s', async (_, currentPassword) => {
    expect(await change({ currentPassword })).toEqual(REFUSED);
    expect(await kindOf(login(name, PASSWORD))).toBe('Session');
    expect(await kindOf(login(name, NEXT))).toBe('InvalidCredentials');
    expect(await kindOf(refresh(own.refreshToken))).toBe('Session');
  });

  it('holds the new password to the rules of a registration, and says which it breaks', async () => {
    const ownName = 'expected a password that is hard to guess, got the username or the e-mail address';
    for (const [newPassword, message] of [
      ['zq7', 'expected 12 to 128 characters, got 3'],
      ['x'.repeat(129), 'expected 12 to 128 characters, got 129'],
      [
        'password1234',
        'expected a password that is hard to guess. This is similar to a commonly used password. Add more words that are less common.',
      ],
      [name.toUpperCase(), ownName],
      [`${name}@example.com`, ownName],
    ]) {
      expect(await change({ newPassword })).toEqual({
        __typename: 'InvalidInput',
        code: 'INVALID_INPUT',
        message: `Invalid input: \`newPassword\`: ${message?.replace(/\.$/, '')}.`,
        errors: [{ field: 'newPassword', message }],
      });
    }
    expect(await kindOf(login(name, PASSWORD))).toBe('Session');
    expect(await kindOf(refresh(own.refreshToken))).toBe('Session');
  });

  it('needs a signed-in user', async () => {
    for (const authorization of [undefined, 'Bearer a.b.c', `Bearer ${own.accessToken}x`]) {
      const { data, errors } = await calls.changeAs(authorization, {});
      expect(data).toEqual({ changePassword: null });
      expect(errors.map(({ extensions }) => extensions.code)).toEqual(['UNAUTHENTICATED']);
    }
    expect(await kindOf(login(name, PASSWORD))).toBe('Session');
  });

  it("changes the caller's own password and nobody else's", async () => {
    const stranger = `stranger-${accounts}`;
    await open(stranger);
    const theirs = await login(stranger, PASSWORD);
    expect(await kindOf(change({}))).toBe('PasswordChanged');
    expect(await kindOf(login(stranger, PASSWORD))).toBe('Session');
    expect(await kindOf(refresh(theirs.refreshToken))).toBe('Session');
  });

  it('tries 20 wrong current passwords of those at once, and makes the others wait, in which the login goes on', async () => {
    const replies = await Promise.all(
      Array.from({ length: 24 }, () =>
        calls.changeAs(`Bearer ${own.accessToken}`, { currentPassword: `${PASSWORD}!` }),
      ),
    );
    const outcomes = replies.map(({ data, errors }) =>
      data.changePassword ? data.changePassword.__typename : errors[0]?.extensions.code,
    );
    expect(outcomes.filter((outcome) => outcome === 'InvalidCredentials')).toHaveLength(20);
    expect(outcomes.filter((outcome) => outcome === 'RATE_LIMITED')).toHaveLength(4);
    expect(await kindOf(login(name, PASSWORD))).toBe('Session');
  });

  it('is refused to a token whose account is gone', async () => {
    await users.pool.query('DELETE FROM users.users WHERE id = $1', [id]);
    expect(await change({})).toEqual(REFUSED);
  });
});

describe('the sessions of an account whose password is changed', () => {
  it('all end when none is to be kept, those that were refreshed too', async () => {
    const other = await refresh((await login(name, PASSWORD)).refreshToken);
    await change({});
    for (const { refreshToken } of [own, other]) {
      expect(await kindOf(refresh(refreshToken))).toBe('InvalidCredentials');
    }
  });

  it('end but for the one that is to be kept, which goes on', async () => {
    const other = await login(name, PASSWORD);
    const kept = await refresh(own.refreshToken);
    expect(await kindOf(change({ refreshToken: kept.refreshToken }))).toBe('PasswordChanged');
    expect(await kindOf(refresh(other.refreshToken))).toBe('InvalidCredentials');
    const next = await refresh(kept.refreshToken);
    expect(next.__typename).toBe('Session');
    expect(await kindOf(refresh(next.refreshToken))).toBe('Session');
  });

  it('stay ended when they had ended before, whatever is to be kept', async () => {
    const ended = await login(name, PASSWORD);
    await users.graphql('mutation ($token: String!) { logout(refreshToken: $token) }', {
      token: ended.refreshToken,
    });
    await change({ refreshToken: ended.refreshToken });
    expect(await kindOf(refresh(ended.refreshToken))).toBe('InvalidCredentials');
  });

  it.each([
    ['empty', async () => ''],
    ['garbled', async () => 'no token at all\u0000'],
    ['unknown', async () => 'A'.repeat(43)],
    ["a stranger's", async () => (await login(await strangersName(), PASSWORD)).refreshToken],
  ])('all end when the token of the one to keep is %s', async (_, token) => {
    expect(await kindOf(change({ refreshToken: await token() }))).toBe('PasswordChanged');
    expect(await kindOf(refresh(own.refreshToken))).toBe('InvalidCredentials');
  });

  it('all end when the token of the one to keep was used: its successor may be with a thief', async () => {
    const successor = await refresh(own.refreshToken);
    expect(await kindOf(change({ refreshToken: own.refreshToken }))).toBe('PasswordChanged');
    expect(await kindOf(refresh(successor.refreshToken))).toBe('InvalidCredentials');
  });

  async function strangersName(): Promise<string> {
    await open(`other-${name}`);
    return `other-${name}`;
  }
});
