// The REST contract: how staff look after accounts. The client holds every reply to /openapi.json besides.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually, uniqueName } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { expectProblem } from '../support/problems.ts';
import { staffAccount } from '../support/staff.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let client: Client;
let staff: Account;
let customer: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  staff = await staffAccount(system, client);
  customer = await client.account();
}, 60_000);

const as = (token: string, method: string, path: string, body?: unknown, ifMatch?: string) =>
  client.rest(method, path, { token, body, headers: ifMatch === undefined ? {} : { 'if-match': ifMatch } });
const byStaff = (method: string, path: string, body?: unknown, ifMatch?: string) =>
  as(staff.token, method, path, body, ifMatch);

describe('accounts in REST', () => {
  it('are for staff: a customer is refused each call, for the own account too', async () => {
    const reason = { reason: 'mine' };
    for (const [method, path, body, ifMatch] of [
      ['GET', '/users'],
      ['GET', '/audit-events'],
      ['GET', `/users/${customer.id}`],
      ['PUT', `/users/${customer.id}/role`, { role: 'STAFF' }, '"1"'],
      ['POST', `/users/${customer.id}/disable`, reason, '"1"'],
      ['POST', `/users/${customer.id}/enable`, reason, '*'],
      ['POST', `/users/${customer.id}/end-sessions`, reason],
    ] as const)
      expectProblem(await as(customer.token, method, path, body, ifMatch), 403, 'FORBIDDEN');
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

  it('have an ETag, and change only at the version that it names', async () => {
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

  it('that are not there are 404, and one’s own is not disabled', async () => {
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

  it('are told of in the security log, with the actor, the client and the request', async () => {
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
