// Registration and changes of passwords over HTTP, against PostgreSQL.

import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { forgetAccounts } from '../testing.ts';
import {
  callsTo,
  insertSession,
  kindOf,
  meanwhile,
  NEXT_PASSWORD as NEXT,
  PASSWORD,
  REFUSED_CHANGE as REFUSED,
  type Session,
} from '../testing-calls.ts';
import { users } from './shared.ts';

describe('registration', () => {
  beforeAll(() => forgetAccounts(users.pool));
  const REGISTER = `mutation ($input: RegisterInput!) {
    register(input: $input) {
      __typename
      ... on User { id username email role version createdAt updatedAt }
      ... on Problem { code message }
      ... on InvalidInput { errors { field message } }
    }
  }`;

  const PASSWORD = 'staple battery 42 horse';

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
          'Invalid input: `username`: expected 3 to 64 characters, each a letter, a digit or one of _ . -, got "a b"; ' +
          '`email`: expected an e-mail address such as ada@example.com, got "nobody"; ' +
          '`password`: expected 12 to 128 characters, got 3.',
      });
      expect(errors).toEqual([
        {
          field: 'username',
          message: 'expected 3 to 64 characters, each a letter, a digit or one of _ . -, got "a b"',
        },
        { field: 'email', message: 'expected an e-mail address such as ada@example.com, got "nobody"' },
        { field: 'password', message: 'expected 12 to 128 characters, got 3' },
      ]);
    });

    it('says UsernameTaken for a name in another case', async () => {
      await register('Grace', 'grace@example.com');
      expect(await register('gRACE', 'other-grace@example.com')).toEqual({
        __typename: 'UsernameTaken',
        code: 'USERNAME_TAKEN',
        message: 'The username "gRACE" is taken. Choose another one.',
      });
    });

    it('says EmailTaken for an address in another case', async () => {
      await register('linus', 'linus@example.com');
      expect(await register('linus2', 'LINUS@example.com')).toEqual({
        __typename: 'EmailTaken',
        code: 'EMAIL_TAKEN',
        message:
          'Another account has the e-mail address "linus@example.com". Choose another one, or log in to that account.',
      });
    });

    it('opens one account when five callers race for a name in different case', async () => {
      const name = 'racer';
      const outcomes = await Promise.all(
        Array.from({ length: 5 }, (_, index) => {
          const cased = [...name].map((sign, at) => ((index >> at) & 1 ? sign.toUpperCase() : sign)).join('');
          return register(cased, `racer-${index}@example.com`);
        }),
      );
      const kinds = outcomes.map(({ __typename }) => __typename).sort();
      expect(kinds).toEqual(['User', ...Array(4).fill('UsernameTaken')]);
      const { rowCount } = await users.pool.query('SELECT 1 FROM users.users WHERE lower(username) = $1', [
        name,
      ]);
      expect(rowCount).toBe(1);
    });

    it('opens one account when three callers race for an address', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 3 }, (_, index) => register(`mailer-${index}`, 'one@example.com')),
      );
      const kinds = outcomes.map(({ __typename }) => __typename).sort();
      expect(kinds).toEqual([...Array(2).fill('EmailTaken'), 'User']);
    });
  });
});

describe('a change of the password', () => {
  beforeAll(() => forgetAccounts(users.pool));

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

    it('changes only the password of the caller', async () => {
      const stranger = `stranger-${accounts}`;
      await open(stranger);
      const theirs = await login(stranger, PASSWORD);
      expect(await kindOf(change({}))).toBe('PasswordChanged');
      expect(await kindOf(login(stranger, PASSWORD))).toBe('Session');
      expect(await kindOf(refresh(theirs.refreshToken))).toBe('Session');
    });

    it('tries 20 wrong current passwords of those at once, and makes the others wait, in which the login goes on', async () => {
      const startedAt = performance.now();
      const replies = await Promise.all(
        Array.from({ length: 24 }, () =>
          calls.changeAs(`Bearer ${own.accessToken}`, { currentPassword: `${PASSWORD}!` }),
        ),
      );
      const outcomes = replies.map(({ data, errors }) =>
        data.changePassword ? data.changePassword.__typename : errors[0]?.extensions.code,
      );
      // On a slow machine the waits of 1, 2 and 4 s may end within the test, and then one more try is made after each.
      const mayHaveMade = 20 + Math.floor(Math.log2((performance.now() - startedAt) / 1_000 + 1));
      const made = outcomes.filter((outcome) => outcome === 'InvalidCredentials').length;
      expect(made).toBeGreaterThanOrEqual(20);
      expect(made).toBeLessThanOrEqual(mayHaveMade);
      expect(outcomes.filter((outcome) => outcome === 'RATE_LIMITED')).toHaveLength(24 - made);
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

    it('stay ended when they had ended before, also with a token to keep', async () => {
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
});

describe('concurrent changes of a password', () => {
  beforeAll(() => forgetAccounts(users.pool));

  const { open, login, refresh, change } = callsTo(() => users);

  describe('a change of the password that races', () => {
    it('with four others from the same password has one winner', async () => {
      const account = 'racer';
      const racer = await open(account);
      const sessions: Session[] = [];
      for (let index = 0; index < 5; index += 1) sessions.push(await login(account));
      const outcomes = await Promise.all(
        sessions.map((session, index) =>
          change(session, { newPassword: `${NEXT} ${index}`, refreshToken: session.refreshToken }),
        ),
      );
      const winner = outcomes.findIndex(({ __typename }) => __typename === 'PasswordChanged');
      expect(outcomes.toSpliced(winner, 1)).toEqual(Array(4).fill(REFUSED));
      expect(outcomes[winner].user).toMatchObject({ id: racer, version: 2 });
      const { rows } = await users.pool.query('SELECT version FROM users.users WHERE id = $1', [racer]);
      expect(rows).toEqual([{ version: 2 }]);
      const live = await Promise.all(sessions.map(({ refreshToken }) => kindOf(refresh(refreshToken))));
      expect(live).toEqual(sessions.map((_, index) => (index === winner ? 'Session' : 'InvalidCredentials')));
      expect(await kindOf(login(account, `${NEXT} ${winner}`))).toBe('Session');
    });

    it('with logins leaves no session that was opened with the old password', async () => {
      for (let round = 0; round < 3; round += 1) {
        const account = `login-racer-${round}`;
        await open(account);
        const session = await login(account);
        const logins = Promise.all(Array.from({ length: 5 }, () => login(account)));
        expect(await kindOf(change(session))).toBe('PasswordChanged');
        for (const { refreshToken } of await logins) {
          if (refreshToken !== undefined)
            expect(await kindOf(refresh(refreshToken))).toBe('InvalidCredentials');
        }
      }
    });

    it('with a login that is first waits for it and ends its session', async () => {
      const id = await open('login-first');
      const session = await login('login-first');
      const token = 'L'.repeat(43);
      const changed = await meanwhile(
        users.pool,
        (client) => insertSession(client, id, token),
        () => kindOf(change(session)),
      );
      expect(changed).toBe('PasswordChanged');
      expect(await kindOf(refresh(token))).toBe('InvalidCredentials');
    });

    it('with a login that comes second lets it wait and refuses it', async () => {
      const id = await open('login-second');
      const loggedIn = await meanwhile(
        users.pool,
        (client) => client.query("UPDATE users.users SET password_hash = 'another' WHERE id = $1", [id]),
        () => kindOf(login('login-second')),
      );
      expect(loggedIn).toBe('InvalidCredentials');
    });
  });
});
