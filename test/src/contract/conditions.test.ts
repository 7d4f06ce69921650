// The REST contract: conditions of writes (RFC 9110, 13), and writes of nothing. The client holds every reply to
// /openapi.json besides.
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { expectProblem } from '../support/problems.ts';
import { useSharedSystem } from '../support/use-system.ts';

const FIELDS = { name: 'New', description: null, price: 1, stock: 2 };

const system = useSharedSystem();
let client: Client;
let account: Account;
let path: string;
let id: string;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
});
beforeEach(async () => {
  ({ id } = await client.product(account.token, { name: 'Old' }));
  path = `/products/${id}`;
});

const send = (method: string, to: string, headers: Record<string, string>, body?: unknown) =>
  client.rest(method, to, { token: account.token, headers, body });
const shown = async () => (await client.rest('GET', path)).body;

describe('If-None-Match on a write', () => {
  it('is 412 for the star where there is something, and 404 where there is nothing', async () => {
    const before = await shown();
    const others: Record<string, string>[] = [{}, { 'if-match': '*' }, { 'if-match': '"1"' }];
    for (const headers of others) {
      const star = { ...headers, 'if-none-match': '*' };
      const refused = [
        await send('PUT', path, star, FIELDS),
        await send('PUT', path, star, { ...FIELDS, version: 1 }),
        await send('PATCH', path, star, { name: 'New' }),
        await send('DELETE', path, star),
      ];
      for (const reply of refused) {
        expectProblem(reply, 412, 'PRECONDITION_FAILED');
        expect([reply.headers.get('etag'), reply.body.current_version]).toEqual(['"1"', 1]);
      }
    }
    expect(await shown()).toEqual(before);
    const missing = await send('PUT', `/products/${UNKNOWN_ID}`, { 'if-none-match': '*' }, FIELDS);
    expectProblem(missing, 404, 'PRODUCT_NOT_FOUND');
  });

  it('is 412 for a tag of the current version, and nothing for another', async () => {
    for (const tags of ['"1"', 'W/"1"', '"9", "1"'])
      expectProblem(
        await send('PUT', path, { 'if-match': '*', 'if-none-match': tags }, FIELDS),
        412,
        'PRECONDITION_FAILED',
      );
    const other = await send('PUT', path, { 'if-match': '"1"', 'if-none-match': '"9"' }, FIELDS);
    expect([other.status, other.body.version]).toEqual([200, 2]);
    expectProblem(await send('PUT', path, { 'if-none-match': '"9"' }, FIELDS), 428, 'PRECONDITION_REQUIRED');
    expect((await send('PUT', path, { 'if-match': '*', 'if-none-match': '2' }, FIELDS)).status).toBe(400);
  });

  it('forbids a step of an order as well', async () => {
    const { body: order } = await send('POST', '/orders', {}, { product_id: id, quantity: 1 });
    const cancel = (tags: string) =>
      send('POST', `/orders/${order.id}/cancel`, { 'if-match': '*', 'if-none-match': tags });
    expectProblem(await cancel('*'), 412, 'PRECONDITION_FAILED');
    expectProblem(await cancel(`"${order.version}"`), 412, 'PRECONDITION_FAILED');
    expect((await cancel('"99"')).body.status).toBe('CANCELLED');
  });
});

describe('a change of no field', () => {
  const UPDATE = `mutation($id: ID!, $v: Int!, $exact: Boolean) {
    updateProduct(id: $id, expectedVersion: $v, input: {}, exact: $exact) { __typename
      ... on Product { version updatedAt } ... on VersionConflict { currentVersion } } }`;
  const update = async (v: number, exact = false, of = id) =>
    (await client.graphql(UPDATE, { id: of, v, exact }, account.token)).data.updateProduct;

  it('is 200 and leaves everything as it was, the version and the time of the last change too', async () => {
    const before = await shown();
    for (const body of [{}, { version: 1 }, { id, created_at: before.created_at }])
      for (const tag of ['"1"', '*']) {
        const reply = await send('PATCH', path, { 'if-match': tag }, body);
        expect([reply.status, reply.headers.get('etag'), reply.body]).toEqual([200, '"1"', before]);
      }
    expect(await update(1)).toEqual({ __typename: 'Product', version: 1, updatedAt: before.updated_at });
    expect(await shown()).toEqual(before);
  });

  it('is held to its version, and to there being a product', async () => {
    await send('PATCH', path, { 'if-match': '"1"' }, { name: 'New' });
    expectProblem(await send('PATCH', path, { 'if-match': '"1"' }, {}), 412, 'PRECONDITION_FAILED');
    expectProblem(await send('PATCH', path, {}, {}), 428, 'PRECONDITION_REQUIRED');
    expect(await update(1)).toEqual({ __typename: 'VersionConflict', currentVersion: 2 });
    expectProblem(
      await send('PATCH', `/products/${UNKNOWN_ID}`, { 'if-match': '*' }, {}),
      404,
      'PRODUCT_NOT_FOUND',
    );
    expect((await update(1, false, UNKNOWN_ID)).__typename).toBe('ProductNotFound');
    await send('DELETE', path, {});
    expect((await send('PATCH', path, { 'if-match': '*' }, {})).status).toBe(404);
    const anonymous = await client.rest('PATCH', path, { headers: { 'if-match': '*' }, body: {} });
    expect(anonymous.status).toBe(401);
  });

  it('of a product that was sold meanwhile conflicts only when it is to be exact', async () => {
    await send('POST', '/orders', {}, { product_id: id, quantity: 1 });
    const { version } = await shown();
    expect(version).toBe(2);
    expect(await update(1)).toMatchObject({ __typename: 'Product', version: 2 });
    expect(await update(1, true)).toEqual({ __typename: 'VersionConflict', currentVersion: 2 });
  });
});
