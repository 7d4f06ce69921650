// The REST contract: what HTTP itself says. The client holds every reply to /openapi.json besides.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.js';
import { expectProblem } from '../support/problems.js';
import { type System, startSystem } from '../support/system.js';

let system: System;
let client: Client;
let account: Account;

beforeAll(async () => {
  system = await startSystem();
  client = await Client.of(system.url);
  account = await client.account();
});
afterAll(() => system?.stop());

describe('HTTP', () => {
  it('says 405 with Allow, 415, 413, 400 and 404 where they belong', async () => {
    const method = await client.rest('PUT', '/products');
    expectProblem(method, 405, 'METHOD_NOT_ALLOWED');
    expect((method.headers.get('allow') ?? '').split(', ').sort()).toEqual(['GET', 'HEAD', 'POST']);
    const type = await client.rest('POST', '/login', {
      body: 'username=a',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expectProblem(type, 415, 'UNSUPPORTED_MEDIA_TYPE');
    expectProblem(await client.rest('POST', '/login', { body: '{"username":' }), 400, 'MALFORMED_JSON');
    expectProblem(
      await client.rest('POST', '/login', { body: JSON.stringify({ username: 'x'.repeat(1_000_001) }) }),
      413,
      'CONTENT_TOO_LARGE',
    );
    expectProblem(await client.rest('GET', '/nowhere'), 404, 'NOT_FOUND');
  });

  it('takes over a harmless request id and no other', async () => {
    const kept = await client.rest('GET', '/products?limit=1', {
      headers: { 'x-request-id': 'my-request.7' },
    });
    expect(kept.headers.get('x-request-id')).toBe('my-request.7');
    const replaced = await client.rest('GET', '/products?limit=1', { headers: { 'x-request-id': 'a b"c' } });
    expect(replaced.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

it('a number in a query is a whole number as it is written, and comes once', async () => {
  const { id } = await client.product(account.token);
  await client.rest('POST', '/orders', { token: account.token, body: { product_id: id, quantity: 1 } });
  for (const path of ['/products', '/orders'])
    for (const limit of [
      '0x10',
      '1e1',
      '%205',
      '5%20',
      '+5',
      '%2B5',
      '05',
      '5.0',
      '0',
      '101',
      '',
      '5&limit=5',
    ]) {
      const reply = await client.rest('GET', `${path}?limit=${limit}`, { token: account.token });
      expectProblem(reply, 400, 'INVALID_INPUT');
      expect([limit, reply.body.errors[0].field]).toEqual([limit, 'limit']);
    }
  expect((await client.rest('GET', '/products?limit=%35')).status).toBe(200);
});
