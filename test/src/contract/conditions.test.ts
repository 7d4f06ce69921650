// The REST contract: conditional writes (RFC 9110, 13), and writes that change no field. The client also checks every
// reply against /openapi.json.
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

describe('If-Match on a write', () => {
  it('refuses a stale tag with 412 and a stale version in the body with 409, and gives the current version', async () => {
    await send('PATCH', path, { 'if-match': '"1"' }, { stock: 1 });
    const before = await shown();
    const atVersion1 = { ...FIELDS, version: 1 };
    const refused: [ifMatch: string | undefined, body: object, status: number][] = [
      ['"1"', FIELDS, 412],
      ['W/"2"', FIELDS, 412],
      ['"x"', FIELDS, 412],
      ['"1", "9"', FIELDS, 412],
      ['"1"', atVersion1, 412],
      [undefined, atVersion1, 409],
      ['*', atVersion1, 409],
      ['"2", "1"', atVersion1, 409],
    ];
    for (const [ifMatch, body, status] of refused) {
      const reply = await send('PUT', path, ifMatch === undefined ? {} : { 'if-match': ifMatch }, body);
      expectProblem(reply, status, status === 412 ? 'PRECONDITION_FAILED' : 'VERSION_CONFLICT');
      expect([reply.headers.get('etag'), reply.body.current_version]).toEqual(['"2"', 2]);
    }
    expect(await shown()).toEqual(before);
  });

  it('is 400 when the field is malformed, or names another version than the body does', async () => {
    const malformed = await send('PUT', path, { 'if-match': '1' }, FIELDS);
    const contradicting = await send('PUT', path, { 'if-match': '"1"' }, { ...FIELDS, version: 2 });
    for (const [reply, field] of [
      [malformed, 'If-Match'],
      [contradicting, 'version'],
    ] as const) {
      expectProblem(reply, 400, 'INVALID_INPUT');
      expect(reply.body.errors[0].field).toBe(field);
    }
  });

  it('accepts any tag of a list, and a merge patch', async () => {
    expect((await send('PUT', path, { 'if-match': '"8", "1"' }, FIELDS)).body.version).toBe(2);
    const type = { 'content-type': 'application/merge-patch+json' };
    const patched = await send('PATCH', path, { ...type, 'if-match': '"2"' }, { stock: 7 });
    expect(patched.body).toMatchObject({ ...FIELDS, stock: 7, version: 3 });
  });

  it('with the star succeeds for each of eight writers at once, and each write counts', async () => {
    const writes = Array.from({ length: 8 }, (_, index) =>
      send('PATCH', path, { 'if-match': '*' }, { name: `Writer ${index}` }),
    );
    const replies = await Promise.all(writes);
    expect(replies.map(({ status }) => status)).toEqual(Array(8).fill(200));
    const versions = replies.map(({ body }) => body.version).sort((one, other) => one - other);
    expect(versions).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    expect((await shown()).version).toBe(9);
  });
});

describe('If-None-Match on a write', () => {
  // The product is at version 2.
  const REFUSED: [ifNoneMatch: string, ifMatch: string | undefined, version: number | undefined, number][] = [
    ['*', undefined, undefined, 412],
    ['*', '"2"', undefined, 412],
    ['*', '*', undefined, 412],
    ['*', '"1"', undefined, 412],
    ['*', undefined, 2, 412],
    ['*', undefined, 1, 412],
    ['"2"', '*', undefined, 412],
    ['W/"2"', '"2"', undefined, 412],
    ['"1", "2"', undefined, undefined, 412],
    ['"1"', undefined, undefined, 428],
    ['"1"', '"1"', undefined, 412],
    ['"1"', undefined, 1, 409],
    ['2', '"2"', undefined, 400],
  ];

  it('refuses a write of the version that it names, before all other conditions', async () => {
    await send('PATCH', path, { 'if-match': '"1"' }, { stock: 1 });
    const before = await shown();
    for (const [ifNoneMatch, ifMatch, version, status] of REFUSED) {
      const headers = { 'if-none-match': ifNoneMatch, ...(ifMatch && { 'if-match': ifMatch }) };
      const reply = await send('PUT', path, headers, { ...FIELDS, ...(version && { version }) });
      expect({ ...headers, version, status: reply.status }).toEqual({ ...headers, version, status });
      if (status !== 412) continue;
      expectProblem(reply, 412, 'PRECONDITION_FAILED');
      expect([reply.headers.get('etag'), reply.body.current_version]).toEqual(['"2"', 2]);
    }
    for (const tags of ['*', '"2"']) {
      const headers = { 'if-match': '*', 'if-none-match': tags };
      expectProblem(await send('PATCH', path, headers, { name: 'New' }), 412, 'PRECONDITION_FAILED');
      const onlyNone = { 'if-none-match': tags };
      expectProblem(await send('DELETE', path, onlyNone), 412, 'PRECONDITION_FAILED');
    }
    expect(await shown()).toEqual(before);
  });

  it('allows a write when it names other versions only, and is 404 where the product does not exist', async () => {
    const reply = await send('PUT', path, { 'if-match': '"1"', 'if-none-match': '"9", "x"' }, FIELDS);
    expect([reply.status, reply.body.version]).toEqual([200, 2]);
    expect((await send('DELETE', path, { 'if-none-match': '"1"' })).status).toBe(204);
    const missing = await send('PUT', `/products/${UNKNOWN_ID}`, { 'if-none-match': '*' }, FIELDS);
    expectProblem(missing, 404, 'PRODUCT_NOT_FOUND');
  });

  it('refuses a step of an order too', async () => {
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

  it('is 200 and leaves the product as it was, with its version and the time of its last change', async () => {
    const before = await shown();
    for (const body of [{}, { version: 1 }, { id, created_at: before.created_at }])
      for (const tag of ['"1"', '*']) {
        const reply = await send('PATCH', path, { 'if-match': tag }, body);
        expect([reply.status, reply.headers.get('etag'), reply.body]).toEqual([200, '"1"', before]);
      }
    expect(await update(1)).toEqual({ __typename: 'Product', version: 1, updatedAt: before.updated_at });
    expect(await shown()).toEqual(before);
  });

  it('is refused when the version is stale or the product does not exist', async () => {
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

  it('conflicts with a sale in the meantime only when the caller sets `exact`', async () => {
    await send('POST', '/orders', {}, { product_id: id, quantity: 1 });
    const { version } = await shown();
    expect(version).toBe(2);
    expect(await update(1)).toMatchObject({ __typename: 'Product', version: 2 });
    expect(await update(1, true)).toEqual({ __typename: 'VersionConflict', currentVersion: 2 });
  });
});
