// The subgraphs' own doors in the running system: who is no service gets nothing, whatever else it holds.
import { createServiceTokens, SERVICE_TOKEN_HEADER } from '@holdfast/platform/service-tokens';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { type AnotherInstance, type Subgraph, type System, startSystem } from '../support/system.ts';

const SUBGRAPHS = ['users', 'products', 'orders'] as const;

let system: System;
let client: Client;
let account: Account;

beforeAll(async () => {
  system = await startSystem();
  client = await Client.of(system.url);
  account = await client.account();
}, 60_000);
afterAll(() => system?.stop());

const ask = (service: Subgraph, token: string | undefined) =>
  fetch(system.subgraphUrl(service), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${account.token}`,
      ...(token === undefined ? {} : { [SERVICE_TOKEN_HEADER]: token }),
    },
    body: JSON.stringify({ query: '{ __typename _service { sdl } }' }),
  });

const tokensOf = (secret: string, now = Date.now) =>
  createServiceTokens({ name: 'gateway', secrets: [secret], now });

describe('a subgraph', () => {
  it('is closed to a signed-in user, to another service’s token, and to stale and forged ones', async () => {
    const { serviceSecret } = system;
    for (const service of SUBGRAPHS) {
      const elsewhere = service === 'orders' ? 'products' : 'orders';
      const tokens: Record<string, string | undefined> = {
        none: undefined,
        'the user’s own': `Bearer ${account.token}`,
        'meant for another subgraph': await tokensOf(serviceSecret)(elsewhere),
        'of another secret': await tokensOf('x'.repeat(43))(service),
        expired: await tokensOf(serviceSecret, () => Date.now() - 61_000)(service),
        'the secret itself': `Bearer ${serviceSecret}`,
      };
      for (const [kind, token] of Object.entries(tokens)) {
        const reply = await ask(service, token);
        const { data, errors } = JSON.parse(await reply.text());
        expect({ service, kind, status: reply.status, data, code: errors[0].extensions.code }).toEqual({
          service,
          kind,
          status: 401,
          data: undefined,
          code: 'UNAUTHENTICATED',
        });
      }
      expect((await ask(service, await tokensOf(serviceSecret)(service))).status).toBe(200);
    }
  });

  it('leaves its keys, its health and its metrics open', async () => {
    const keys = new URL('/.well-known/jwks.json', system.subgraphUrl('users'));
    expect((await fetch(keys)).status).toBe(200);
    for (const service of SUBGRAPHS)
      for (const path of ['/livez', '/readyz', '/metrics'])
        expect((await fetch(system.opsUrl(service, path))).status).toBe(200);
  });

  it('is never mistaken by the gateway for the reason to refuse a user', async () => {
    const stranger = await system.another('gateway', { SERVICE_SECRET: 'y'.repeat(43) });
    const reply = await fetch(`${stranger.url}/profile`, {
      headers: { authorization: `Bearer ${account.token}` },
    });
    expect(reply.status).toBe(503);
    expect(await reply.text()).not.toMatch(/service token|Service-Authorization/i);
    await stranger.stop();
  });

  it('takes over a new secret without refusing anybody: added behind, then first, then alone', async () => {
    const [old, next] = [system.serviceSecret, 'z'.repeat(43)];
    const states = [`${old},${next}`, `${next},${old}`, next];
    const instances: AnotherInstance[] = [];
    for (const SERVICE_SECRET of states) instances.push(await system.another('products', { SERVICE_SECRET }));
    const accepted = async (state: number, secret: string) => {
      const header = await tokensOf(secret)('products');
      const response = await fetch(`${instances[state]?.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', [SERVICE_TOKEN_HEADER]: header },
        body: '{"query":"{ __typename }"}',
      });
      return response.status === 200;
    };
    // Neighbouring states run side by side during a roll-out.
    expect([await accepted(0, old), await accepted(0, next)]).toEqual([true, true]);
    expect([await accepted(1, old), await accepted(1, next)]).toEqual([true, true]);
    expect([await accepted(2, old), await accepted(2, next)]).toEqual([false, true]);
    for (const instance of instances) await instance.stop();
  });
});
