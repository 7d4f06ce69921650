// The subgraphs' own doors in the running system: who is no service gets nothing, whatever else it holds.

import { findFreePorts } from '@holdfast/local/stack/stack';
import { publicHalfOf, publicKeysOf } from '@holdfast/platform/auth/service-keys';
import { SERVICE_TOKEN_HEADER } from '@holdfast/platform/auth/service-tokens';
import { newServiceKey, tokensOf } from '@holdfast/platform/auth/testing-services';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import type { Subgraph } from '../support/running-system.ts';
import type { AnotherInstance } from '../support/system.ts';
import { useSystem } from '../support/use-system.ts';

const SUBGRAPHS = ['users', 'products', 'orders'] as const;

const system = useSystem();
let client: Client;
let account: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
}, 60_000);

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

describe('a subgraph', () => {
  it('is closed to a signed-in user, to another service’s token, and to stale and forged ones', async () => {
    const { gateway, products } = system.serviceKeys;
    for (const service of SUBGRAPHS) {
      const elsewhere = service === 'orders' ? 'products' : 'orders';
      const tokens: Record<string, string | undefined> = {
        none: undefined,
        'the user’s own': `Bearer ${account.token}`,
        'meant for another subgraph': await tokensOf('gateway', gateway)(elsewhere),
        'of another key': await tokensOf('gateway', newServiceKey())(service),
        'of a service that has no business there': await tokensOf('products', products)(service),
        'of a service that calls itself the gateway': await tokensOf('gateway', products)(service),
        expired: await tokensOf('gateway', gateway, () => Date.now() - 61_000)(service),
        'the key itself': `Bearer ${gateway}`,
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
      expect((await ask(service, await tokensOf('gateway', gateway)(service))).status).toBe(200);
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
    // No subgraph tells it its schema, so it is not ready.
    const ports = (await findFreePorts()).gateway;
    const environment = { SERVICE_KEY: newServiceKey() };
    void system.another('gateway', environment, { ports }).catch(() => undefined);
    const readiness = async () => {
      const reply = await fetch(`http://127.0.0.1:${ports.ops}/readyz`).catch(() => undefined);
      return reply === undefined ? '' : await reply.text();
    };
    await eventually(readiness, (text) => text.includes('"failing":["subgraphs"]'));
    const reply = await fetch(`http://127.0.0.1:${ports.http}/profile`, {
      headers: { authorization: `Bearer ${account.token}` },
    });
    expect(reply.status).toBe(503);
    expect(await reply.text()).not.toMatch(/service token|Service-Authorization/i);
  });

  it('refuses no call while the gateway’s key is changed: published, then used, then alone', async () => {
    const { serviceKeys } = system;
    const [old, next] = [serviceKeys.gateway, newServiceKey()];
    const before = publicKeysOf(serviceKeys);
    const both = `${before},gateway=${publicHalfOf(next)}`;
    const after = publicKeysOf({ ...serviceKeys, gateway: next });
    const instances: AnotherInstance[] = [];
    for (const SERVICE_PUBLIC_KEYS of [before, both, after])
      instances.push(await system.another('products', { SERVICE_PUBLIC_KEYS }));
    const accepted = async (state: number, key: string) => {
      const header = await tokensOf('gateway', key)('products');
      const response = await fetch(`${instances[state]?.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', [SERVICE_TOKEN_HEADER]: header },
        body: '{"query":"{ __typename }"}',
      });
      return response.status === 200;
    };
    // Neighbouring states run side by side during a roll-out; the gateway signs with the new key in the second one only.
    expect([await accepted(0, old), await accepted(1, old)]).toEqual([true, true]);
    expect([await accepted(1, next), await accepted(2, next)]).toEqual([true, true]);
    expect([await accepted(0, next), await accepted(2, old)]).toEqual([false, false]);
    for (const instance of instances) await instance.stop();
  });

  it('is called by a gateway with a new key as by the one before', async () => {
    const next = newServiceKey();
    const SERVICE_PUBLIC_KEYS = publicKeysOf({ ...system.serviceKeys, gateway: next });
    const subgraphs = await Promise.all(
      SUBGRAPHS.map((name) => system.another(name, { SERVICE_PUBLIC_KEYS })),
    );
    const urls = subgraphs.map(({ url }, index) => [
      `${SUBGRAPHS[index]?.toUpperCase()}_URL`,
      `${url}/graphql`,
    ]);
    const gateway = await system.another('gateway', { SERVICE_KEY: next, ...Object.fromEntries(urls) });
    expect((await fetch(`${gateway.url}/products`)).status).toBe(200);
    for (const instance of [gateway, ...subgraphs]) await instance.stop();
  });
});
