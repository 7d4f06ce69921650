// What staff do to accounts over HTTP, against PostgreSQL: roles, disabling, lists, and the first staff account.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { NO_ORIGIN } from '@holdfast/platform/auth/security-events';
import { createLogger } from '@holdfast/platform/observability/log';
import { createPool } from '@holdfast/platform/postgres/database';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import pg from 'pg';
import { z } from 'zod';
import { type AccountPageQuery, accountPage } from '../data/account-pages.ts';
import { readRevocations } from '../data/revocations.ts';
import { createStaffActionStore, type StaffActionStore } from '../data/staff-actions.ts';
import { forgetAccounts } from '../testing.ts';
import { callsTo, kindOf, meanwhile, PASSWORD } from '../testing-calls.ts';
import { users } from './shared.ts';

describe('roles', () => {
  beforeAll(() => forgetAccounts(users.pool));
  const CHANGE = `mutation ($userId: ID!, $expectedVersion: Int!, $role: Role!) {
    changeRole(userId: $userId, expectedVersion: $expectedVersion, role: $role) {
      __typename
      ... on User { id role version email }
      ... on Problem { code message }
      ... on UserVersionConflict { currentVersion current { id role version } }
    }
  }`;
  const FIND = 'query ($name: String!) { userByName(name: $name) { id username email role version } }';

  beforeEach(() => users.pool.query('DELETE FROM users.users'));

  const { open, login, refresh } = callsTo(() => users);

  /** An account that is staff, and a token of it that says so. */
  async function staff(username: string): Promise<{ id: string; bearer: string; refreshToken: string }> {
    const id = await open(username);
    await users.pool.query("UPDATE users.users SET role = 'STAFF' WHERE id = $1", [id]);
    const { accessToken, refreshToken } = await login(username);
    return { id, bearer: `Bearer ${accessToken}`, refreshToken };
  }

  const change = (bearer: string | undefined, userId: string, expectedVersion: number, role: string) =>
    users.graphql(CHANGE, { userId, expectedVersion, role }, bearer);
  const changed = async (...args: Parameters<typeof change>) => {
    const { data, errors } = await change(...args);
    expect(errors).toEqual([]);
    return data.changeRole;
  };
  const codes = ({ errors }: { errors: { extensions: { code: string } }[] }) =>
    errors.map(({ extensions }) => extensions.code);
  const staffLeft = async (): Promise<number> =>
    (await users.pool.query("SELECT FROM users.users WHERE role = 'STAFF'")).rowCount ?? 0;

  describe('changeRole', () => {
    it('is refused to anonymous callers and to customers, themselves included', async () => {
      const id = await open('climber');
      const { accessToken } = await login('climber');
      expect(codes(await change(undefined, id, 1, 'STAFF'))).toEqual(['UNAUTHENTICATED']);
      expect(codes(await change('Bearer a.b.c', id, 1, 'STAFF'))).toEqual(['UNAUTHENTICATED']);
      expect(codes(await change(`Bearer ${accessToken}`, id, 1, 'STAFF'))).toEqual(['FORBIDDEN']);
      expect(await staffLeft()).toBe(0);
    });

    it('is a compare-and-swap on the version', async () => {
      const { bearer } = await staff('boss');
      const id = await open('clerk');
      const promoted = { __typename: 'User', id, role: 'STAFF', version: 2, email: 'clerk@example.com' };
      expect(await changed(bearer, id, 1, 'STAFF')).toEqual(promoted);
      expect(await changed(bearer, id, 1, 'CUSTOMER')).toEqual({
        __typename: 'UserVersionConflict',
        code: 'VERSION_CONFLICT',
        message: 'The user was changed in the meantime: its version is 2, the request expected 1.',
        currentVersion: 2,
        current: { id, role: 'STAFF', version: 2 },
      });
      expect(await changed(bearer, id, 2, 'CUSTOMER')).toMatchObject({ role: 'CUSTOMER', version: 3 });
    });

    it.each(['2147483647', '2147483648', '01', 'nobody', ''])('finds no user %j', async (id) => {
      const { bearer } = await staff('boss');
      expect(await changed(bearer, id, 1, 'STAFF')).toEqual({
        __typename: 'UserNotFound',
        code: 'USER_NOT_FOUND',
        message: `There is no user ${JSON.stringify(id)}.`,
      });
    });

    it('to the current role does not change the account', async () => {
      const { id, bearer } = await staff('boss');
      expect(await changed(bearer, id, 1, 'STAFF')).toMatchObject({
        __typename: 'User',
        role: 'STAFF',
        version: 1,
      });
      expect(await changed(bearer, id, 2, 'STAFF')).toMatchObject({ __typename: 'UserVersionConflict' });
      const { rowCount } = await users.pool.query('SELECT FROM users.audit_events WHERE subject_id = $1', [
        id,
      ]);
      expect(rowCount).toBe(0);
    });

    it('leaves the last staff account staff', async () => {
      const { id, bearer } = await staff('boss');
      expect(await changed(bearer, id, 1, 'CUSTOMER')).toEqual({
        __typename: 'LastStaff',
        code: 'LAST_STAFF',
        message:
          'This is the last staff account that can log in, so it must keep its role. Give another account the role STAFF first.',
      });
      expect(await staffLeft()).toBe(1);
    });

    it('shows in the next token, and ends the sessions of who is staff no more', async () => {
      const { bearer } = await staff('boss');
      const id = await open('clerk');
      const asCustomer = await login('clerk');
      await changed(bearer, id, 1, 'STAFF');
      const asStaff = await refresh(asCustomer.refreshToken);
      expect(decodeJwt(asStaff.accessToken)['role']).toBe('STAFF');
      await changed(bearer, id, 2, 'CUSTOMER');
      expect(await kindOf(refresh(asStaff.refreshToken))).toBe('InvalidCredentials');
      expect(decodeJwt((await login('clerk')).accessToken)['role']).toBe('CUSTOMER');
    });

    it('is refused to former staff, although their token still has the role', async () => {
      const boss = await staff('boss');
      const clerk = await staff('clerk');
      await changed(boss.bearer, clerk.id, 1, 'CUSTOMER');
      // UNAUTHENTICATED once the service has heard that the token has ended.
      for (const refused of [
        await change(clerk.bearer, clerk.id, 2, 'STAFF'),
        await change(clerk.bearer, boss.id, 1, 'CUSTOMER'),
      ])
        expect(['FORBIDDEN', 'UNAUTHENTICATED']).toContain(codes(refused)[0]);
      expect(await staffLeft()).toBe(1);
    });

    it('gives a login that waits for it the new role', async () => {
      const { id } = await staff('clerk');
      const session = await meanwhile(
        users.pool,
        (client) => client.query("UPDATE users.users SET role = 'CUSTOMER' WHERE id = $1", [id]),
        () => login('clerk'),
      );
      expect(decodeJwt(session.accessToken)['role']).toBe('CUSTOMER');
    });
  });

  describe('changes of roles that race', () => {
    /** Stores with a connection each, so that only PostgreSQL orders them. */
    const stores: { pool: pg.Pool; change: StaffActionStore['changeRole'] }[] = [];
    beforeAll(() => {
      for (let count = 0; count < 4; count += 1) {
        const log = createLogger('users', 'silent');
        const pool = createPool({ url: users.databaseUrl, max: 1, applicationName: 'race', log });
        stores.push({ pool, change: createStaffActionStore(pool).changeRole });
      }
    });
    afterAll(() => Promise.all(stores.map(({ pool }) => pool.end())));

    const hire = async (count: number): Promise<number[]> => {
      await users.pool.query('DELETE FROM users.users');
      const { rows } = await users.pool.query<{ id: number }>(
        `INSERT INTO users.users (username, email, password_hash, role)
         SELECT 'racer-' || n, 'racer-' || n || '@example.com', 'none', 'STAFF' FROM generate_series(1, $1::int) n
         RETURNING id`,
        [count],
      );
      return rows.map(({ id }) => id);
    };
    const demote = (store: number, callerId: number, userId: number) => {
      const racer = stores[store];
      if (racer === undefined) throw new Error(`there is no store ${store}`);
      return racer.change({ callerId, userId, expectedVersion: 1, role: 'CUSTOMER', origin: NO_ORIGIN });
    };

    it('leave exactly one of two staff who demote each other', async () => {
      for (let round = 0; round < 12; round += 1) {
        const [a = 0, b = 0] = await hire(2);
        const kinds = (await Promise.all([demote(0, a, b), demote(1, b, a)])).map(({ kind }) => kind);
        expect(kinds.sort()).toEqual(['caller is no staff', 'changed']);
        expect(await staffLeft()).toBe(1);
      }
    });

    it('leave exactly one of two staff who both resign', async () => {
      for (let round = 0; round < 12; round += 1) {
        const [a = 0, b = 0] = await hire(2);
        const kinds = (await Promise.all([demote(0, a, a), demote(1, b, b)])).map(({ kind }) => kind);
        expect(kinds.sort()).toEqual(['changed', 'last staff']);
        expect(await staffLeft()).toBe(1);
      }
    });

    it('leave at least one of four staff who demote each other in a ring', async () => {
      for (let round = 0; round < 8; round += 1) {
        const ids = await hire(4);
        await Promise.all(ids.map((id, index) => demote(index, id, ids[(index + 1) % 4] ?? 0)));
        expect(await staffLeft()).toBeGreaterThanOrEqual(1);
      }
    });

    it('from one version have one winner', async () => {
      for (let round = 0; round < 10; round += 1) {
        const [boss = 0, clerk = 0] = await hire(2);
        const outcomes = await Promise.all([0, 1, 2, 3].map((store) => demote(store, boss, clerk)));
        expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['changed', 'stale', 'stale', 'stale']);
      }
    });
  });

  describe('userByName', () => {
    it('finds an account by its username or address in any case, for staff only', async () => {
      const { bearer } = await staff('boss');
      const id = await open('Clerk');
      const { accessToken } = await login('Clerk');
      for (const name of ['clerk', 'CLERK@example.com']) {
        const { data, errors } = await users.graphql(FIND, { name }, bearer);
        expect(errors).toEqual([]);
        expect(data.userByName).toEqual({
          id,
          username: 'Clerk',
          email: 'clerk@example.com',
          role: 'CUSTOMER',
          version: 1,
        });
      }
      expect((await users.graphql(FIND, { name: 'nobody' }, bearer)).data).toEqual({ userByName: null });
      expect((await users.graphql(FIND, { name: 'x\u0000' }, bearer)).data).toEqual({ userByName: null });
      expect(codes(await users.graphql(FIND, { name: 'Clerk' }, `Bearer ${accessToken}`))).toEqual([
        'FORBIDDEN',
      ]);
      expect(codes(await users.graphql(FIND, { name: 'Clerk' }))).toEqual(['UNAUTHENTICATED']);
    });
  });
});

describe('disabled accounts and ended sessions', () => {
  beforeAll(() => forgetAccounts(users.pool));
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

  let boss: { readonly id: string; readonly bearer: string };
  let id: string;
  let opened = 0;
  let name: string;
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
    const { data, errors } = await users.graphql(
      query,
      { userId: id, reason: 'fraud', ...variables },
      bearer,
    );
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

    it('is a compare-and-swap, happens once, and says why it is refused', async () => {
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

    it('writes no row for an action that fails: both are one transaction', async () => {
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
    const stores: { pool: pg.Pool; actions: StaffActionStore }[] = [];
    beforeAll(() => {
      for (let count = 0; count < 2; count += 1) {
        const log = createLogger('users', 'silent');
        const pool = createPool({ url: users.databaseUrl, max: 1, applicationName: 'race', log });
        stores.push({ pool, actions: createStaffActionStore(pool) });
      }
    });
    afterAll(() => Promise.all(stores.map(({ pool }) => pool.end())));

    it('with a disabling of the one who disables leaves one of the two', async () => {
      for (let round = 0; round < 8; round += 1) {
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
      for (let round = 0; round < 2; round += 1) {
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
});

describe('lists of accounts', () => {
  beforeAll(() => forgetAccounts(users.pool));
  const USERS = `query ($first: Int, $after: String, $filter: UserFilter) {
    users(first: $first, after: $after, filter: $filter) {
      edges { node { username } }
      pageInfo { hasNextPage endCursor }
    }
  }`;

  let service: pg.Pool;
  let bearer: string;
  const { open, login } = callsTo(() => users);

  /** 20,000 customers, a long row of disabled ones among them, and a few staff. */
  beforeAll(async () => {
    service = new pg.Pool({ connectionString: users.databaseUrl, max: 1 });
    const id = await open('Boss');
    await users.pool.query("UPDATE users.users SET role = 'STAFF' WHERE id = $1", [id]);
    bearer = `Bearer ${(await login('Boss')).accessToken}`;
    await users.pool.query(
      `INSERT INTO users.users (username, email, password_hash, role, disabled_at)
       SELECT name, lower(name) || '@example.com', 'none',
              (CASE WHEN n % 2000 = 0 THEN 'STAFF' ELSE 'CUSTOMER' END)::users.role,
              CASE WHEN name LIKE 'bot%' THEN now() END
         FROM (SELECT n, (ARRAY['Ann', 'bot', 'Cleo'])[1 + n / 7000] || '-' || lpad(n::text, 5, '0') AS name
                 FROM generate_series(1, 20000) n) AS named
        ORDER BY md5(name)`,
    );
    await users.pool.query('VACUUM ANALYZE users.users');
  }, 60_000);
  afterAll(async () => {
    await service?.end();
  });

  const page = async (variables: object) => {
    const { data, errors } = await users.graphql(USERS, variables, bearer);
    expect(errors).toEqual([]);
    return data.users;
  };
  const namesOf = ({ edges }: { edges: { node: { username: string } }[] }) =>
    edges.map(({ node }) => node.username);

  describe('users', () => {
    it('are listed by name without regard to case, page after page, each once', async () => {
      const filter = { namePrefix: 'cLEO-14' };
      const seen: string[] = [];
      let after: string | null = null;
      do {
        const { pageInfo, ...found } = await page({ first: 100, after, filter });
        seen.push(...namesOf(found));
        after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
      } while (after !== null);
      const expected = Array.from(
        { length: 1_000 },
        (_, index) => `Cleo-${String(14_000 + index).padStart(5, '0')}`,
      );
      expect(seen).toEqual(expected);
    }, 30_000);

    it.each([
      [{ namePrefix: 'Ann-0000' }, ['Ann-00001', 'Ann-00002', 'Ann-00003']],
      [{ namePrefix: 'boss' }, ['Boss']],
      [{ role: 'STAFF', state: 'DISABLED' }, ['bot-08000', 'bot-10000', 'bot-12000']],
      [{ role: 'STAFF', namePrefix: 'c' }, ['Cleo-14000', 'Cleo-16000', 'Cleo-18000']],
      [{ role: 'CUSTOMER', state: 'DISABLED' }, ['bot-07000', 'bot-07001', 'bot-07002']],
      [{ state: 'ACTIVE', namePrefix: 'bo' }, ['Boss']],
      [{ state: 'DISABLED', namePrefix: 'Cleo' }, []],
      [{ namePrefix: 'nobody_' }, []],
    ])('are found by %j', async (filter, expected) => {
      expect(namesOf(await page({ first: 3, filter }))).toEqual(expected);
    });

    it.each([
      [{ filter: { namePrefix: '' } }, 'namePrefix'],
      [{ filter: { namePrefix: '%' } }, 'namePrefix'],
      [{ filter: { namePrefix: 'a'.repeat(65) } }, 'namePrefix'],
      [{ first: 0 }, 'first'],
      [{ first: 101 }, 'first'],
      [{ after: 'nonsense' }, 'after'],
      [{ after: Buffer.from('["users","\\u0000","1"]').toString('base64url') }, 'after'],
      [{ after: Buffer.from('["orders","1"]').toString('base64url') }, 'after'],
    ])('are refused for %j, naming the argument', async (variables, field) => {
      const { data, errors } = await users.graphql(USERS, variables, bearer);
      expect(data).toEqual({ users: null });
      expect(errors[0]).toMatchObject({
        message: expect.stringContaining(`${field}: `),
        extensions: { code: 'BAD_USER_INPUT' },
      });
    });

    it('are read a page at a time, by every filter', async () => {
      const plan = z.array(
        z.object({
          'QUERY PLAN': z.array(
            z.object({
              Plan: z.looseObject({ 'Shared Hit Blocks': z.int(), 'Shared Read Blocks': z.int() }),
            }),
          ),
        }),
      );
      const prefixes = ['', 'b', 'cleo-1'];
      for (const role of [undefined, 'CUSTOMER', 'STAFF'] as const)
        for (const state of [undefined, 'ACTIVE', 'DISABLED'] as const)
          for (const namePrefix of prefixes)
            for (const after of [undefined, 'bot-07100']) {
              const query: AccountPageQuery = { limit: 101, after, namePrefix, role, state };
              const { selectPage, args } = accountPage(query);
              const { text, values } = selectPage.queryOf(args);
              const { rows } = await service.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
              const found = plan.parse(rows)[0]?.['QUERY PLAN'][0]?.Plan;
              const blocks = (found?.['Shared Hit Blocks'] ?? 0) + (found?.['Shared Read Blocks'] ?? 0);
              // The table has some 300 blocks; each of 101 rows may be in another, and its place in the index is a few more.
              expect([query, blocks < 130 || blocks]).toEqual([query, true]);
            }
    });
  });

  describe('the revocation list', () => {
    it('has the accounts whose tokens ended within their life, those that are disabled first, and no more than its bound', async () => {
      await users.pool.query(`UPDATE users.users SET token_generation = 5, tokens_ended_at = now() - interval '30 seconds'
                               WHERE username LIKE 'bot-070__'`);
      await users.pool.query(`UPDATE users.users SET token_generation = 6, tokens_ended_at = now()
                               WHERE username LIKE 'Ann-000__'`);
      await users.pool.query(`UPDATE users.users SET token_generation = 7, tokens_ended_at = now() - interval '961 seconds'
                               WHERE username LIKE 'Cleo-140__'`);
      const generations = async (max?: number) => [...(await readRevocations(service, 900, max)).values()];
      expect((await generations()).sort()).toEqual([...Array(100).fill(5), ...Array(99).fill(6)]);
      expect(await generations(150)).toEqual([...Array(100).fill(5), ...Array(50).fill(6)]);
    });
  });
});

describe('the program promote', () => {
  beforeAll(() => forgetAccounts(users.pool));
  const PROGRAM = fileURLToPath(new URL('../programs/promote.ts', import.meta.url));

  let id: string;
  beforeAll(async () => {
    id = await callsTo(() => users).open('Founder');
  });

  async function promote(args: string[], env: Record<string, string> = { DATABASE_URL: users.databaseUrl }) {
    const { NODE_COMPILE_CACHE = '' } = process.env;
    const child = spawn(process.execPath, [PROGRAM, ...args], { env: { NODE_COMPILE_CACHE, ...env } });
    let [out, errors] = ['', ''];
    child.stdout.on('data', (text) => (out += text));
    child.stderr.on('data', (text) => (errors += text));
    const [code] = await once(child, 'close');
    return { code, out: out.trim(), errors: errors.trim() };
  }
  const row = async () =>
    (await users.pool.query('SELECT role, version FROM users.users WHERE id = $1', [id])).rows[0];

  it('makes an account staff by its name or address, and a second run changes no row', async () => {
    expect(await promote(['founder'])).toEqual({
      code: 0,
      out: 'Founder is staff now; its access tokens have the role from the next login or refresh on',
      errors: '',
    });
    expect(await row()).toEqual({ role: 'STAFF', version: 2 });
    expect(await promote(['FOUNDER@example.com'])).toEqual({
      code: 0,
      out: 'Founder is already staff',
      errors: '',
    });
    expect(await row()).toEqual({ role: 'STAFF', version: 2 });
    const { rows } = await users.pool.query(
      'SELECT action, actor_id, actor_role, old_role, new_role FROM users.audit_events WHERE subject_id = $1',
      [id],
    );
    expect(rows).toEqual([
      { action: 'ROLE_CHANGED', actor_id: null, actor_role: null, old_role: 'CUSTOMER', new_role: 'STAFF' },
    ]);
  });

  it('ends with 1 and a line that says why when it cannot', async () => {
    expect(await promote(['nobody'])).toEqual({
      code: 1,
      out: '',
      errors: 'promote: there is no account "nobody"',
    });
    expect((await promote([])).errors).toBe(
      'promote: expected one argument, a username or an e-mail address',
    );
    expect((await promote(['founder'], {})).errors).toBe(
      'promote: Settings cannot be used:\n  DATABASE_URL: is required',
    );
    const unreachable = await promote(['founder'], { DATABASE_URL: 'postgres://u:secretive@127.0.0.1:1/x' });
    expect([unreachable.code, unreachable.errors]).toEqual([1, expect.stringMatching(/^promote: ./)]);
    expect(unreachable.errors).not.toContain('secretive');
  });
});
