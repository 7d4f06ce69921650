// What staff do to accounts, over HTTP and against PostgreSQL: who may, what ends, what is written down.

import { NO_ORIGIN } from '@holdfast/platform/auth/security-events';
import { createLogger } from '@holdfast/platform/observability/log';
import { createPool } from '@holdfast/platform/postgres/database';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { createStaffActions, type StaffActions } from './data/staff-actions.ts';
import { startTestUsers, type TestUsers } from './testing.ts';
import { callsTo, kindOf, meanwhile, PASSWORD } from './testing-calls.ts';

const RESULT = '__typename ... on User { id version state role } ... on InvalidInput { errors { field } }';
const setState = (mutation: string) =>
  `mutation ($userId: ID!, $expectedVersion: Int!, $reason: String!) {
    result: ${mutation}(userId: $userId, expectedVersion: $expectedVersion, reason: $reason) { ${RESULT} ... on UserVersionConflict { currentVersion } }
  }`;
const [DISABLE, ENABLE] = [setState('disableAccount'), setState('enableAccount')];
const END = `mutation ($userId: ID!, $reason: String!) {
  result: endSessions(userId: $userId, reason: $reason) { ${RESULT} }
}`;
const EVENTS = `query ($subject: ID) {
  auditEvents(subject: $subject) {
    edges { node { action actor { username } subject { username } reason oldRole newRole requestId } }
  }
}`;
const LOGIN = `mutation ($input: LoginInput!) { login(input: $input) { __typename ... on Problem { code message } } }`;

let users: TestUsers;
let boss: { readonly id: string; readonly bearer: string };
let id: string;
let opened = 0;
let name: string;
beforeAll(async () => {
  users = await startTestUsers();
});
afterAll(() => users.stop());
const { open, login, refresh } = callsTo(() => users);

async function staff(username: string) {
  const ownId = await open(username);
  await users.pool.query("UPDATE users.users SET role = 'STAFF' WHERE id = $1", [ownId]);
  return { id: ownId, bearer: `Bearer ${(await login(username)).accessToken}` };
}
beforeEach(async () => {
  await users.pool.query('DELETE FROM users.users');
  boss = await staff('boss');
  opened += 1;
  name = `customer-${opened}`;
  id = await open(name);
});

const act = async (query: string, variables: object, bearer = boss.bearer) => {
  const { data, errors } = await users.graphql(query, { userId: id, reason: 'fraud', ...variables }, bearer);
  expect(errors).toEqual([]);
  return data.result;
};
const disable = (expectedVersion = 1, more: object = {}) => act(DISABLE, { expectedVersion, ...more });
const enable = (expectedVersion: number) => act(ENABLE, { expectedVersion });
const events = async (subject?: string) => {
  const { data } = await users.graphql(EVENTS, { subject }, boss.bearer);
  return data.auditEvents.edges.map(({ node }: { node: object }) => node);
};

describe('the administration of accounts', () => {
  it.each([
    ['disableAccount', DISABLE],
    ['enableAccount', ENABLE],
    ['endSessions', END],
  ])('refuses %s to anonymous callers, strangers and the account itself', async (_, query) => {
    await open('stranger');
    for (const [bearer, code] of [
      [undefined, 'UNAUTHENTICATED'],
      [`Bearer ${(await login('stranger')).accessToken}`, 'FORBIDDEN'],
      [`Bearer ${(await login(name)).accessToken}`, 'FORBIDDEN'],
    ] as const) {
      const variables = { userId: id, reason: 'mine', ...(query !== END && { expectedVersion: 1 }) };
      const { errors } = await users.graphql(query, variables, bearer);
      expect(errors.map(({ extensions }) => extensions.code)).toEqual([code]);
    }
    expect(await events()).toEqual([]);
    expect(await kindOf(login(name))).toBe('Session');
  });

  it('disables an account: no login, no refresh, and no word of it to those without the password', async () => {
    const session = await login(name);
    expect(await disable()).toEqual({
      __typename: 'User',
      id,
      version: 2,
      state: 'DISABLED',
      role: 'CUSTOMER',
    });
    expect(await kindOf(refresh(session.refreshToken))).toBe('InvalidCredentials');
    const tell = async (username: string, password: string) =>
      (await users.graphql(LOGIN, { input: { username, password } })).data.login;
    expect(await tell(name, PASSWORD)).toMatchObject({
      __typename: 'AccountDisabled',
      code: 'ACCOUNT_DISABLED',
    });
    expect(await tell(name, 'a wrong one')).toEqual(await tell('nobody', 'a wrong one'));
    const { rowCount } = await users.pool.query(
      'SELECT FROM users.sessions WHERE user_id = $1 AND id = family_id AND revoked_at IS NULL',
      [id],
    );
    expect(rowCount).toBe(0);
  });

  it('enables it again, with its old sessions ended', async () => {
    const session = await login(name);
    await disable();
    expect(await enable(2)).toMatchObject({ __typename: 'User', version: 3, state: 'ACTIVE' });
    expect(await kindOf(refresh(session.refreshToken))).toBe('InvalidCredentials');
    expect(await kindOf(login(name))).toBe('Session');
  });

  it('is a compare-and-swap, does nothing twice, and says what it cannot do', async () => {
    expect(await disable(7)).toEqual({ __typename: 'UserVersionConflict', currentVersion: 1 });
    await disable();
    expect(await disable(1)).toEqual({ __typename: 'UserVersionConflict', currentVersion: 2 });
    expect(await disable(2)).toMatchObject({ __typename: 'User', version: 2, state: 'DISABLED' });
    await enable(2);
    expect(await enable(3)).toMatchObject({ __typename: 'User', version: 3, state: 'ACTIVE' });
    for (const userId of ['2147483647', 'nobody', ''])
      expect(await disable(1, { userId })).toEqual({ __typename: 'UserNotFound' });
    expect(await act(END, { userId: '2147483647' })).toEqual({ __typename: 'UserNotFound' });
    expect(await disable(1, { userId: boss.id })).toEqual({ __typename: 'OwnAccount' });
    for (const reason of ['', '  ', '\u200b', 'a\nb', 'x'.repeat(501)])
      expect(await disable(3, { reason })).toEqual({
        __typename: 'InvalidInput',
        errors: [{ field: 'reason' }],
      });
    expect(await events(id)).toHaveLength(2);
  });

  it('gives the own account as it is when it is to be enabled: it is active', async () => {
    const { rows } = await users.pool.query('SELECT version FROM users.users WHERE id = $1', [boss.id]);
    const { version } = rows[0];
    expect(await act(ENABLE, { userId: boss.id, expectedVersion: version })).toMatchObject({
      __typename: 'User',
      id: boss.id,
      version,
      state: 'ACTIVE',
    });
    expect(await events(boss.id)).toEqual([]);
  });

  it('ends sessions and leaves the account as it is', async () => {
    const session = await login(name);
    expect(await act(END, {})).toMatchObject({ __typename: 'User', version: 1, state: 'ACTIVE' });
    expect(await kindOf(refresh(session.refreshToken))).toBe('InvalidCredentials');
    expect(await kindOf(login(name))).toBe('Session');
  });

  it('writes who did what to whom, newest first, and shows it to staff alone', async () => {
    await disable();
    await act(ENABLE, { expectedVersion: 2, reason: 'a mistake' });
    await act(END, { reason: 'a lost phone' });
    const role = `mutation ($userId: ID!) { result: changeRole(userId: $userId, expectedVersion: 3, role: STAFF) { __typename } }`;
    await act(role, {});
    const node = {
      actor: { username: 'boss' },
      subject: { username: name },
      oldRole: null,
      newRole: null,
      requestId: expect.any(String),
    };
    expect(await events(id)).toEqual([
      { ...node, action: 'ROLE_CHANGED', reason: null, oldRole: 'CUSTOMER', newRole: 'STAFF' },
      { ...node, action: 'SESSIONS_ENDED', reason: 'a lost phone' },
      { ...node, action: 'ACCOUNT_ENABLED', reason: 'a mistake' },
      { ...node, action: 'ACCOUNT_DISABLED', reason: 'fraud' },
    ]);
    expect(await events(boss.id)).toEqual([]);
    const { errors } = await users.graphql(
      EVENTS,
      {},
      `Bearer ${(await login('boss')).accessToken.slice(0, -9)}`,
    );
    expect(errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    await open('curious');
    const asCustomer = await users.graphql(EVENTS, {}, `Bearer ${(await login('curious')).accessToken}`);
    expect(asCustomer.errors[0]?.extensions.code).toBe('FORBIDDEN');
  });

  it('writes nothing of what is not done: the row and the action are one transaction', async () => {
    await users.pool.query(
      'ALTER TABLE users.audit_events ADD CONSTRAINT refuses CHECK (reason IS NULL) NOT VALID',
    );
    try {
      const { errors } = await users.graphql(
        DISABLE,
        { userId: id, expectedVersion: 1, reason: 'x' },
        boss.bearer,
      );
      expect(errors[0]?.extensions.code).toBe('INTERNAL_SERVER_ERROR');
    } finally {
      await users.pool.query('ALTER TABLE users.audit_events DROP CONSTRAINT refuses');
    }
    expect(await kindOf(login(name))).toBe('Session');
  });
});

describe('disabling that races', () => {
  const stores: { pool: pg.Pool; actions: StaffActions }[] = [];
  beforeAll(() => {
    for (let count = 0; count < 2; count += 1) {
      const log = createLogger('users', 'silent');
      const pool = createPool({ url: users.databaseUrl, max: 1, applicationName: 'race', log });
      stores.push({ pool, actions: createStaffActions(pool) });
    }
  });
  afterAll(() => Promise.all(stores.map(({ pool }) => pool.end())));

  it('with a disabling of the one who disables leaves one of the two', async () => {
    for (let round = 0; round < 50; round += 1) {
      const { rows } = await users.pool.query<{ id: number }>(
        `INSERT INTO users.users (username, email, password_hash, role)
         SELECT 'racer-' || $1 || '-' || n, 'racer-' || $1 || '-' || n || '@example.com', 'none', 'STAFF'
           FROM generate_series(1, 2) n RETURNING id`,
        [round],
      );
      const [a = 0, b = 0] = rows.map((row) => row.id);
      const outcomes = await Promise.all(
        stores.map(({ actions }, index) =>
          actions.disable({
            callerId: index === 0 ? a : b,
            userId: index === 0 ? b : a,
            expectedVersion: 1,
            reason: 'a race',
            origin: NO_ORIGIN,
          }),
        ),
      );
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['caller is no staff', 'changed']);
    }
  });

  it('with logins and refreshes leaves no session alive', async () => {
    for (let round = 0; round < 6; round += 1) {
      const racer = `racer-${round}`;
      id = await open(racer);
      const sessions = [await login(racer), await login(racer), await login(racer)];
      const [logins, refreshes] = await Promise.all([
        Promise.all(Array.from({ length: 4 }, () => login(racer))),
        Promise.all(sessions.map(({ refreshToken }) => refresh(refreshToken))),
        disable(),
      ]);
      for (const { refreshToken } of [...logins, ...refreshes])
        if (refreshToken !== undefined)
          expect(await kindOf(refresh(refreshToken))).toBe('InvalidCredentials');
      expect(await kindOf(login(racer))).toBe('AccountDisabled');
    }
  });

  it('with a login that waits for it gives that none', async () => {
    const session = await meanwhile(
      users.pool,
      (client) => client.query('UPDATE users.users SET disabled_at = now() WHERE id = $1', [id]),
      () => login(name),
    );
    expect(session.__typename).toBe('AccountDisabled');
  });
});
