// Forged access tokens, at every door. (Every protected call of GraphQL and REST is tried in contract/auth.test.ts.)
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { forgeries } from '../support/forgeries.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { head, sendRaw, statusesIn } from '../support/raw-http.ts';
import type { Subgraph } from '../support/running-system.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { useSharedSystem } from '../support/use-system.ts';
import { type VitalSigns, vitalSigns } from '../support/vital-signs.ts';

const system = useSharedSystem();
let client: Client;
let account: Account;
let vital: VitalSigns;
let attacker: Server;
let attackerUrl: string;
const asked: string[] = [];

beforeAll(async () => {
  attacker = createServer(({ url }, response) => {
    asked.push(url ?? '');
    response.end('{"keys":[]}');
  });
  await new Promise<void>((resolve) => attacker.listen(0, '127.0.0.1', resolve));
  const address = attacker.address();
  attackerUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  client = await Client.of(system.url);
  account = await client.account();
  vital = vitalSigns(system);
}, 60_000);
afterAll(async () => {
  await vital?.expectUnharmed();
  attacker.close();
});

const PROTECTED: Record<Subgraph, string> = {
  users: '{ me { id } }',
  products: `mutation { adjustStock(id: "${UNKNOWN_ID}", delta: 1) { __typename } }`,
  orders: '{ orders { edges { node { id } } } }',
};

describe('a forged access token', () => {
  it('is refused by each subgraph itself, though a service presents it, and no address in it is asked', async () => {
    const tokens = await forgeries(system, account, attackerUrl);
    for (const service of ['users', 'products', 'orders'] as const) {
      const good = await askSubgraph(system, service, { query: PROTECTED[service], token: account.token });
      expect(good.errors).toEqual([]);
      for (const [kind, token] of Object.entries(tokens)) {
        if (token === undefined) continue;
        const { errors } = await askSubgraph(system, service, { query: PROTECTED[service], token });
        const codes = errors.map(({ extensions }) => extensions.code);
        expect({ service, kind, codes }).toEqual({ service, kind, codes: ['UNAUTHENTICATED'] });
      }
    }
    for (const token of Object.values(tokens)) {
      expect((await client.rest('GET', '/profile', { token })).status).toBe(401);
      const { data, errors } = await client.graphql('{ orders { edges { cursor } } }', {}, token);
      expect([data.orders, errors[0]?.extensions.code]).toEqual([null, 'UNAUTHENTICATED']);
    }
    expect(asked).toEqual([]);
  });
});

describe('the Authorization header', () => {
  const profile = (...lines: string[]) =>
    sendRaw(system.url, [head('GET', '/profile', ...lines, 'Connection: close')]);

  it('is refused when it comes twice, whichever of the two is good', async () => {
    const good = `Authorization: Bearer ${account.token}`;
    expect(statusesIn(await profile(good))).toEqual([200]);
    expect(statusesIn(await profile(good, 'Authorization: Bearer garbled'))).toEqual([400]);
    expect(statusesIn(await profile('Authorization: Bearer garbled', good))).toEqual([400]);
    expect(statusesIn(await profile(good, good))).toEqual([400]);
  });

  it('of any length is never reported as our error, by REST and by GraphQL', async () => {
    const query = JSON.stringify({
      query: '{ products(first: 1) { edges { cursor } } orders { edges { cursor } } }',
    });
    const lengths = [1_000, 14_335, 14_336, 14_337, 15_000, 100_000];
    // Around the length at which the gateway's own fields no longer fit into a subgraph's bound beside it.
    for (let length = 15_600; length <= 16_500; length += 25) lengths.push(length);
    const seen = new Set<string>();
    for (const length of lengths) {
      const authorization = `Authorization: Bearer ${'A'.repeat(length - 'Bearer '.length)}`;
      const expected = length <= 14_336 ? [401, 200] : [431, 431];
      const asked = head(
        'POST',
        '/graphql',
        'Content-Type: application/json',
        authorization,
        `Content-Length: ${query.length}`,
        'Connection: close',
      );
      const reply = await sendRaw(system.url, [asked + query]);
      expect([length, ...statusesIn(await profile(authorization)), ...statusesIn(reply)]).toEqual([
        length,
        ...expected,
      ]);
      for (const [, code] of reply.matchAll(/"code":"(\w+)"/g)) seen.add(code ?? '');
    }
    expect([...seen].sort()).toEqual(['BAD_USER_INPUT', 'HEADERS_TOO_LARGE', 'UNAUTHENTICATED']);
  }, 60_000);

  it.each(['Basic', 'Token', 'JWT', ''])('is refused with the scheme "%s"', async (scheme) => {
    expect(statusesIn(await profile(`Authorization: ${scheme} ${account.token}`))).toEqual([401]);
  });
});
