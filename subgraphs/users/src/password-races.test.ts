// Changes of a password that race with one another and with logins.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestUsers, type TestUsers } from './testing.ts';
import {
  callsTo,
  kindOf,
  meanwhile,
  NEXT_PASSWORD as NEXT,
  REFUSED_CHANGE as REFUSED,
  type Session,
} from './testing-calls.ts';

let users: TestUsers;
beforeAll(async () => {
  users = await startTestUsers();
});
afterAll(() => users.stop());

const { open, login, refresh, change } = callsTo(() => users);

describe('a change of the password that races', () => {
  it('with nine others from the same password has one winner, round after round', async () => {
    for (let round = 0; round < 3; round += 1) {
      const account = `racer-${round}`;
      const racer = await open(account);
      const sessions: Session[] = [];
      for (let index = 0; index < 10; index += 1) sessions.push(await login(account));
      const outcomes = await Promise.all(
        sessions.map((session, index) =>
          change(session, { newPassword: `${NEXT} ${index}`, refreshToken: session.refreshToken }),
        ),
      );
      const winner = outcomes.findIndex(({ __typename }) => __typename === 'PasswordChanged');
      expect(outcomes.toSpliced(winner, 1)).toEqual(Array(9).fill(REFUSED));
      expect(outcomes[winner].user).toMatchObject({ id: racer, version: 2 });
      const { rows } = await users.pool.query('SELECT version FROM users.users WHERE id = $1', [racer]);
      expect(rows).toEqual([{ version: 2 }]);
      const live = await Promise.all(sessions.map(({ refreshToken }) => kindOf(refresh(refreshToken))));
      expect(live).toEqual(sessions.map((_, index) => (index === winner ? 'Session' : 'InvalidCredentials')));
      expect(await kindOf(login(account, `${NEXT} ${winner}`))).toBe('Session');
    }
  });

  it('with logins leaves no session that was opened with the old password', async () => {
    for (let round = 0; round < 10; round += 1) {
      const account = `login-racer-${round}`;
      await open(account);
      const session = await login(account);
      const logins = Promise.all(Array.from({ length: 8 }, () => login(account)));
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
      (client) =>
        client.query(
          `WITH owner AS (SELECT id FROM users.users WHERE id = $1 FOR SHARE),
                family AS (SELECT nextval('users.sessions_id_seq') AS id)
           INSERT INTO users.sessions (id, family_id, user_id, token_hash, expires_at)
           SELECT family.id, family.id, owner.id, $2, now() + interval '1 day' FROM owner, family`,
          [id, createHash('sha256').update(token).digest()],
        ),
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
