// Who may change roles and look accounts up, and that a shop is never without staff.

import { NO_ORIGIN } from '@holdfast/platform/auth/security-events';
import { createLogger } from '@holdfast/platform/observability/log';
import { createPool } from '@holdfast/platform/postgres/database';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import type pg from 'pg';
import { createStaffActions, type StaffActions } from './data/staff-actions.ts';
import { startTestUsers, type TestUsers } from './testing.ts';
import { callsTo, kindOf, meanwhile } from './testing-calls.ts';

const CHANGE = `mutation ($userId: ID!, $expectedVersion: Int!, $role: Role!) {
  changeRole(userId: $userId, expectedVersion: $expectedVersion, role: $role) {
    __typename
    ... on User { id role version email }
    ... on Problem { code message }
    ... on UserVersionConflict { currentVersion current { id role version } }
  }
}`;
const FIND = 'query ($name: String!) { userByName(name: $name) { id username email role version } }';

let users: TestUsers;
beforeAll(async () => {
  users = await startTestUsers();
});
afterAll(() => users.stop());
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
      message: 'Version 1 was expected; the user is at version 2 by now.',
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

  it('to the role that the account has changes nothing', async () => {
    const { id, bearer } = await staff('boss');
    expect(await changed(bearer, id, 1, 'STAFF')).toMatchObject({
      __typename: 'User',
      role: 'STAFF',
      version: 1,
    });
    expect(await changed(bearer, id, 2, 'STAFF')).toMatchObject({ __typename: 'UserVersionConflict' });
    const { rowCount } = await users.pool.query('SELECT FROM users.audit_events WHERE subject_id = $1', [id]);
    expect(rowCount).toBe(0);
  });

  it('leaves the last staff account staff', async () => {
    const { id, bearer } = await staff('boss');
    expect(await changed(bearer, id, 1, 'CUSTOMER')).toEqual({
      __typename: 'LastStaff',
      code: 'LAST_STAFF',
      message: 'Another staff account that can log in is expected first: this is the last one.',
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

  it('is refused to who was staff: a token that still says so makes nobody staff again', async () => {
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
  /** Stores with a connection each, so that nothing but PostgreSQL puts them in order. */
  const stores: { pool: pg.Pool; change: StaffActions['changeRole'] }[] = [];
  beforeAll(() => {
    for (let count = 0; count < 4; count += 1) {
      const log = createLogger('users', 'silent');
      const pool = createPool({ url: users.databaseUrl, max: 1, applicationName: 'race', log });
      stores.push({ pool, change: createStaffActions(pool).changeRole });
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
    for (let round = 0; round < 100; round += 1) {
      const [a = 0, b = 0] = await hire(2);
      const kinds = (await Promise.all([demote(0, a, b), demote(1, b, a)])).map(({ kind }) => kind);
      expect(kinds.sort()).toEqual(['caller is no staff', 'changed']);
      expect(await staffLeft()).toBe(1);
    }
  });

  it('leave exactly one of two staff who both resign', async () => {
    for (let round = 0; round < 100; round += 1) {
      const [a = 0, b = 0] = await hire(2);
      const kinds = (await Promise.all([demote(0, a, a), demote(1, b, b)])).map(({ kind }) => kind);
      expect(kinds.sort()).toEqual(['changed', 'last staff']);
      expect(await staffLeft()).toBe(1);
    }
  });

  it('leave somebody of four who demote one another in a ring', async () => {
    for (let round = 0; round < 50; round += 1) {
      const ids = await hire(4);
      await Promise.all(ids.map((id, index) => demote(index, id, ids[(index + 1) % 4] ?? 0)));
      expect(await staffLeft()).toBeGreaterThanOrEqual(1);
    }
  });

  it('from one version have one winner', async () => {
    for (let round = 0; round < 20; round += 1) {
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
