// The REST contract: accounts and sessions, and how staff manage accounts. The client also checks every reply against
// /openapi.json.
import { describe, expect, it } from '@jest/globals';
import { type Account, eventually, secretsUsed, uniqueName } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { expectProblem, fieldsOf } from '../support/problems.ts';
import { useShop, useStaff } from '../support/shop.ts';

const { system, client, account } = useShop();
const staff = useStaff(system, client);

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const PASSWORD = 'correct horse battery staple 9';

describe('accounts', () => {
  it('POST /register creates an account and returns it', async () => {
    const username = uniqueName('ann');
    const reply = await client.rest('POST', '/register', {
      body: { username, email: `${username}@Example.COM`, password: PASSWORD },
    });
    expect(reply.status).toBe(201);
    expect(reply.headers.get('location')).toBe('/profile');
    expect(reply.body).toEqual({
      id: expect.any(Number),
      username,
      email: `${username}@example.com`,
      email_verified: false,
      role: 'CUSTOMER',
      state: 'ACTIVE',
      version: 1,
      created_at: expect.stringMatching(RFC3339),
      updated_at: expect.stringMatching(RFC3339),
    });
  });

  it('POST /register names each invalid field and unknown member, and never returns the password', async () => {
    const reply = await client.rest('POST', '/register', {
      body: { username: 'a!', email: 'nowhere', password: 'hunter2' },
    });
    expectProblem(reply, 400, 'INVALID_INPUT');
    expect(fieldsOf(reply.body)).toEqual(['email', 'password', 'username']);
    expect(reply.text).not.toContain('hunter2');
    const missing = await client.rest('POST', '/register', { body: { username: 5, role: 'STAFF' } });
    expect(missing.status).toBe(400);
    expect(fieldsOf(missing.body)).toEqual(['email', 'password', 'role', 'username']);
  });

  it('POST /register refuses a taken name or address in upper case too', async () => {
    const { username } = account;
    const name = await client.rest('POST', '/register', {
      body: { username: username.toUpperCase(), email: `${uniqueName('x')}@example.com`, password: PASSWORD },
    });
    expectProblem(name, 409, 'USERNAME_TAKEN');
    const email = await client.rest('POST', '/register', {
      body: { username: uniqueName('x'), email: `${username.toUpperCase()}@example.com`, password: PASSWORD },
    });
    expectProblem(email, 409, 'EMAIL_TAKEN');
  });

  it('POST /login opens a session by name or address, and gives the same reply to every failure', async () => {
    for (const name of [
      account.username,
      account.username.toUpperCase(),
      `${account.username}@EXAMPLE.com`,
    ]) {
      const reply = await client.rest('POST', '/login', {
        body: { username: name, password: account.password },
      });
      expect(reply.status).toBe(200);
      expect(reply.body).toEqual({
        token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 900,
        refresh_token: expect.any(String),
        device_token: expect.any(String),
      });
    }
    const wrong = await client.rest('POST', '/login', {
      body: { username: account.username, password: `${account.password}x` },
    });
    const unknown = await client.rest('POST', '/login', {
      body: { username: uniqueName('unknown'), password: account.password },
    });
    expectProblem(wrong, 401, 'INVALID_CREDENTIALS');
    expectProblem(unknown, 401, 'INVALID_CREDENTIALS');
    expect(wrong.body.detail).toBe(unknown.body.detail);
    expect((await client.rest('POST', '/login', { body: { username: account.username } })).status).toBe(400);
  });

  it('POST /token/refresh rotates, a used token ends the family, POST /logout ends a session', async () => {
    const login = async () =>
      (
        await client.rest('POST', '/login', {
          body: { username: account.username, password: account.password },
        })
      ).body;
    const refresh = (refresh_token: string) =>
      client.rest('POST', '/token/refresh', { body: { refresh_token } });
    const first = (await login()).refresh_token;
    const second = await refresh(first);
    expect(second.status).toBe(200);
    expect((await client.rest('GET', '/profile', { token: second.body.token })).status).toBe(200);
    expect((await refresh(first)).body.refresh_token).toBe(second.body.refresh_token);
    const third = await refresh(second.body.refresh_token);
    expectProblem(await refresh(first), 401, 'INVALID_CREDENTIALS');
    expect((await refresh(third.body.refresh_token)).status).toBe(401);

    const other = (await login()).refresh_token;
    expect((await client.rest('POST', '/logout', { body: { refresh_token: other } })).status).toBe(204);
    expect((await refresh(other)).status).toBe(401);
  });

  it('POST /logout/everywhere ends every session of the account and no other', async () => {
    const sessionOf = async ({ username, password }: Account) => {
      const { body } = await client.rest('POST', '/login', { body: { username, password } });
      secretsUsed.add(body.token).add(body.refresh_token);
      return body;
    };
    const refresh = (refresh_token: string) =>
      client.rest('POST', '/token/refresh', { body: { refresh_token } });
    const [owner, stranger] = [await client.account(), await client.account()];
    const sessions = [await sessionOf(owner), await sessionOf(owner)];
    const strangers = await sessionOf(stranger);
    expectProblem(await client.rest('POST', '/logout/everywhere'), 401, 'UNAUTHENTICATED');
    const ended = await client.rest('POST', '/logout/everywhere', { token: owner.token });
    expect([ended.status, ended.text]).toEqual([204, '']);
    for (const { refresh_token } of sessions)
      expectProblem(await refresh(refresh_token), 401, 'INVALID_CREDENTIALS');
    expect((await refresh(strangers.refresh_token)).status).toBe(200);
    await eventually(
      async () => (await client.rest('GET', '/profile', { token: owner.token })).status,
      (status) => status === 401,
    );
    const again = await client.signIn(owner.username, owner.password);
    expect((await client.rest('POST', '/logout/everywhere', { token: again })).status).toBe(204);
  });

  it('PUT /profile/password changes the password and ends the other sessions', async () => {
    const { username, password: current, token } = await client.account();
    const next = `another horse ${crypto.randomUUID()}`;
    const wrong = `no horse at all ${crypto.randomUUID()}`;
    for (const secret of [next, wrong]) secretsUsed.add(secret);
    const login = async (password: string) => {
      const reply = await client.rest('POST', '/login', { body: { username, password } });
      if (reply.status === 200) secretsUsed.add(reply.body.token).add(reply.body.refresh_token);
      return reply;
    };
    const refresh = (refresh_token: string) =>
      client.rest('POST', '/token/refresh', { body: { refresh_token } });
    const change = (current_password: string, new_password: string, refresh_token?: string) =>
      client.rest('PUT', '/profile/password', {
        token,
        body: { current_password, new_password, ...(refresh_token && { refresh_token }) },
      });
    const [kept, other] = [(await login(current)).body, (await login(current)).body];

    expectProblem(await change(wrong, next), 401, 'INVALID_CREDENTIALS');
    const weak = await change(current, 'hunter2');
    expectProblem(weak, 400, 'INVALID_INPUT');
    expect(fieldsOf(weak.body)).toEqual(['new_password']);
    expect(weak.text).not.toContain('hunter2');
    const unnamed = await client.rest('PUT', '/profile/password', { token, body: { password: next } });
    expectProblem(unnamed, 400, 'INVALID_INPUT');
    expect(fieldsOf(unnamed.body)).toEqual(['current_password', 'new_password', 'password']);

    const changed = await change(current, next, kept.refresh_token);
    expect([changed.status, changed.text]).toEqual([204, '']);
    expectProblem(await refresh(other.refresh_token), 401, 'INVALID_CREDENTIALS');
    const refreshed = await refresh(kept.refresh_token);
    expect(refreshed.status).toBe(200);
    secretsUsed.add(refreshed.body.token).add(refreshed.body.refresh_token);
    expectProblem(await login(current), 401, 'INVALID_CREDENTIALS');
    const after = await login(next);
    expect((await client.rest('GET', '/profile', { token: after.body.token })).body.version).toBe(2);
    await eventually(
      async () => (await client.rest('GET', '/profile', { token })).status,
      (status) => status === 401,
    );
  });

  it('GET /profile shows the account', async () => {
    const reply = await client.rest('GET', '/profile', { token: account.token });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      id: Number(account.id),
      username: account.username,
      email: `${account.username}@example.com`,
    });
    expect(reply.text).not.toMatch(/argon2|password/);
  });
});

const as = (token: string, method: string, path: string, body?: unknown, ifMatch?: string) =>
  client.rest(method, path, { token, body, headers: ifMatch === undefined ? {} : { 'if-match': ifMatch } });
const byStaff = (method: string, path: string, body?: unknown, ifMatch?: string) =>
  as(staff.token, method, path, body, ifMatch);

describe('accounts in REST', () => {
  it('are for staff: a customer is refused every call, even for the own account', async () => {
    const reason = { reason: 'mine' };
    for (const [method, path, body, ifMatch] of [
      ['GET', '/users'],
      ['GET', '/audit-events'],
      ['GET', `/users/${account.id}`],
      ['PUT', `/users/${account.id}/role`, { role: 'STAFF' }, '"1"'],
      ['POST', `/users/${account.id}/disable`, reason, '"1"'],
      ['POST', `/users/${account.id}/enable`, reason, '*'],
      ['POST', `/users/${account.id}/end-sessions`, reason],
    ] as const)
      expectProblem(await as(account.token, method, path, body, ifMatch), 403, 'FORBIDDEN');
  });

  it('are listed a page at a time, with a Link to the next, and found by prefix, role and state', async () => {
    const prefix = uniqueName('list').slice(0, 20);
    const names = [`${prefix}-a`, `${prefix}-b`, `${prefix}-c`];
    for (const name of names) await client.account(name);
    const first = await byStaff('GET', `/users?limit=2&name_prefix=${prefix.toUpperCase()}&role=CUSTOMER`);
    expect(first.body.map(({ username }: { username: string }) => username)).toEqual(names.slice(0, 2));
    expect(first.headers.get('cache-control')).toBe('no-store');
    const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const second = await byStaff('GET', next);
    expect(second.body.map(({ username }: { username: string }) => username)).toEqual(names.slice(2));
    expect(second.headers.get('link')).toBeNull();
    expect((await byStaff('GET', `/users?name_prefix=${prefix}&state=DISABLED`)).body).toEqual([]);
    expectProblem(await byStaff('GET', '/users?name_prefix=%25'), 400, 'INVALID_INPUT');
    expectProblem(await byStaff('GET', '/users?state=GONE'), 400, 'INVALID_INPUT');
  });

  it('have an ETag, and change only at its version', async () => {
    const { id, username } = await client.account();
    const shown = await byStaff('GET', `/users/${id}`);
    expect(shown.body).toMatchObject({
      id: Number(id),
      username,
      role: 'CUSTOMER',
      state: 'ACTIVE',
      version: 1,
    });
    expect(shown.headers.get('etag')).toBe('"1"');
    const reason = { reason: 'a test' };
    expectProblem(await byStaff('POST', `/users/${id}/disable`, reason), 428, 'PRECONDITION_REQUIRED');
    expectProblem(await byStaff('POST', `/users/${id}/disable`, reason, '"9"'), 412, 'PRECONDITION_FAILED');
    expectProblem(await byStaff('POST', `/users/${id}/disable`, {}, '"1"'), 400, 'INVALID_INPUT');
    const steps = [
      await byStaff('POST', `/users/${id}/disable`, reason, '"1"'),
      await byStaff('POST', `/users/${id}/enable`, { reason: 'over' }, '"2"'),
      await byStaff('PUT', `/users/${id}/role`, { role: 'STAFF' }, '"3"'),
      await byStaff('PUT', `/users/${id}/role`, { role: 'CUSTOMER' }, '"4"'),
    ];
    expect(steps.map(({ status, body: { state, role, version } }) => [status, state, role, version])).toEqual(
      [
        [200, 'DISABLED', 'CUSTOMER', 2],
        [200, 'ACTIVE', 'CUSTOMER', 3],
        [200, 'ACTIVE', 'STAFF', 4],
        [200, 'ACTIVE', 'CUSTOMER', 5],
      ],
    );
    expect((await byStaff('POST', `/users/${id}/end-sessions`, reason)).status).toBe(204);
    const trail = await byStaff('GET', `/audit-events?subject_id=${id}&limit=5`);
    expect(trail.body.map(({ action }: { action: string }) => action)).toEqual([
      'SESSIONS_ENDED',
      'ROLE_CHANGED',
      'ROLE_CHANGED',
      'ACCOUNT_ENABLED',
      'ACCOUNT_DISABLED',
    ]);
    expect(trail.body.at(-1)).toMatchObject({
      actor_id: Number(staff.id),
      subject_id: Number(id),
      reason: 'a test',
      address: '127.0.0.1',
      request_id: steps[0]?.headers.get('x-request-id'),
    });
    const page = await byStaff('GET', `/audit-events?subject_id=${id}&limit=3`);
    const next = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1] ?? '';
    expect((await byStaff('GET', next)).body.map(({ action }: { action: string }) => action)).toEqual([
      'ACCOUNT_ENABLED',
      'ACCOUNT_DISABLED',
    ]);
  });

  it('that do not exist are 404, and staff cannot disable their own account', async () => {
    for (const [method, path, body, ifMatch] of [
      ['GET', ''],
      ['PUT', '/role', { role: 'STAFF' }, '"1"'],
      ['POST', '/disable', { reason: 'x' }, '"1"'],
      ['POST', '/enable', { reason: 'x' }, '*'],
      ['POST', '/end-sessions', { reason: 'x' }],
    ] as const)
      expectProblem(
        await byStaff(method, `/users/${UNKNOWN_ID}${path}`, body, ifMatch),
        404,
        'USER_NOT_FOUND',
      );
    expectProblem(
      await byStaff('POST', `/users/${staff.id}/disable`, { reason: 'x' }, '*'),
      409,
      'OWN_ACCOUNT',
    );
  });

  it('are in the security log, with the actor, the address and the request', async () => {
    const { id, token } = await client.account();
    const done = await byStaff('POST', `/users/${id}/disable`, { reason: 'it hoards' }, '"1"');
    const other = await client.account();
    await as(other.token, 'POST', '/logout/everywhere');
    const told = async () =>
      system
        .logs()
        .flatMap((line) => (line.includes('"security event"') ? [JSON.parse(line)] : []))
        .filter(({ event }) => event === 'account.disabled' || event === 'sessions.ended')
        .filter(({ subject }) => subject === `user ${id}` || subject === `user ${other.id}`);
    const events = await eventually(told, ({ length }) => length === 2);
    expect(events).toMatchObject([
      {
        event: 'account.disabled',
        actor: `user ${staff.id}`,
        actorRole: 'STAFF',
        address: '127.0.0.1',
        requestId: done.headers.get('x-request-id'),
        details: { reason: 'it hoards' },
      },
      { event: 'sessions.ended', actor: `user ${other.id}`, actorRole: 'CUSTOMER', address: '127.0.0.1' },
    ]);
    expect(system.logs().join('\n')).not.toContain(token);
  });
});
