// The REST contract: what HTTP itself says. The client holds every reply to /openapi.json besides.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '../support/client.js';
import { expectProblem } from '../support/problems.js';
import { type System, startSystem } from '../support/system.js';

let system: System;
let client: Client;

beforeAll(async () => {
  system = await startSystem();
  client = await Client.of(system.url);
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
