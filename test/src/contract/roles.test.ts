// The contract: roles, as anonymous, as a customer and as staff, through the gateway. The system is the suite's own, because
// it is about the last of all staff.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Client, secretsUsed } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { inspect } from '../support/invariants.ts';
import { expectProblem } from '../support/problems.ts';
import { useSystem } from '../support/use-system.ts';

const system = useSystem();
let client: Client;

beforeAll(async () => {
  client = await Client.of(system.url);
});

/** An id that nothing has. */
const PROBLEM = '... on Problem { code message }';

describe('accounts', () => {
  it('are looked up and given roles by staff, which is nobody by itself', async () => {
    const CHANGE = `mutation($id: ID!, $version: Int!, $role: Role!) {
      changeRole(userId: $id, expectedVersion: $version, role: $role) { __typename
        ... on User { id role version } ${PROBLEM} ... on UserVersionConflict { currentVersion current { id } } } }`;
    const FIND = 'query($name: String!) { userByName(name: $name) { id email role } }';
    const [boss, clerk] = [await client.account(), await client.account()];
    const change = async (token: string | undefined, id: string, version: number, role: string) =>
      client.graphql(CHANGE, { id, version, role }, token);
    for (const [token, code] of [
      [undefined, 'UNAUTHENTICATED'],
      [clerk.token, 'FORBIDDEN'],
    ] as const) {
      const refusals = [
        await change(token, clerk.id, 1, 'STAFF'),
        await client.graphql(FIND, { name: clerk.username }, token),
      ];
      for (const { errors } of refusals) expect(errors[0]?.extensions.code).toBe(code);
    }
    await inspect(system.adminUrl, (database) =>
      database.query("UPDATE users.users SET role = 'STAFF' WHERE id = $1", [boss.id]),
    );
    const { username, password } = boss;
    const login = await client.rest('POST', '/login', { body: { username, password } });
    const token: string = login.body.token;
    secretsUsed.add(token).add(login.body.refresh_token);
    const found = await client.graphql(FIND, { name: clerk.username }, token);
    expect(found.data.userByName).toEqual({
      id: clerk.id,
      email: `${clerk.username}@example.com`,
      role: 'CUSTOMER',
    });
    const promoted = await change(token, clerk.id, 1, 'STAFF');
    expect(promoted.data.changeRole).toEqual({ __typename: 'User', id: clerk.id, role: 'STAFF', version: 2 });
    expect((await change(token, clerk.id, 1, 'CUSTOMER')).data.changeRole).toMatchObject({
      __typename: 'UserVersionConflict',
      code: 'VERSION_CONFLICT',
      currentVersion: 2,
      current: { id: clerk.id },
    });
    expect((await change(token, clerk.id, 2, 'CUSTOMER')).data.changeRole).toMatchObject({ version: 3 });
    expect((await change(token, boss.id, 1, 'CUSTOMER')).data.changeRole).toMatchObject({
      __typename: 'LastStaff',
      code: 'LAST_STAFF',
    });
    const byRest = await client.rest('PUT', `/users/${boss.id}/role`, {
      token,
      body: { role: 'CUSTOMER' },
      headers: { 'if-match': '*' },
    });
    expectProblem(byRest, 409, 'LAST_STAFF');
    expect((await change(token, UNKNOWN_ID, 1, 'STAFF')).data.changeRole).toMatchObject({
      __typename: 'UserNotFound',
      code: 'USER_NOT_FOUND',
    });
  });
});
