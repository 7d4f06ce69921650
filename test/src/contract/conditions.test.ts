// The REST contract: conditions of writes (RFC 9110, 13). The client holds every reply to
// /openapi.json besides.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.js';
import { expectProblem } from '../support/problems.js';
import { type System, startSystem } from '../support/system.js';

const MISSING = '01890a5d-ac96-774b-bcce-b302099a8057';
const FIELDS = { name: 'New', description: null, price: 1, stock: 2 };

let system: System;
let client: Client;
let account: Account;
let path: string;
let id: string;

beforeAll(async () => {
  system = await startSystem();
  client = await Client.of(system.url);
  account = await client.account();
});
afterAll(() => system?.stop());
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
    const missing = await send('PUT', `/products/${MISSING}`, { 'if-none-match': '*' }, FIELDS);
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
