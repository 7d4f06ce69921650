// The logs of a whole run: one JSON line an event, enough to follow a request through the services, and no secret.
import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Client, eventually, secretsUsed, uniqueName } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { logsSoFar } from '../support/logs-so-far.ts';
import { useSystem } from '../support/use-system.ts';

interface Line {
  readonly level: string;
  readonly time: string;
  readonly service: string;
  readonly msg: string;
  readonly requestId?: string;
  readonly operation?: string;
  readonly address?: string;
  readonly fields?: string;
  readonly status?: number;
  readonly ms?: number;
  readonly userId?: number;
}

const system = useSystem();
let client: Client;

beforeAll(async () => {
  client = await Client.of(system.url);
});

const lines = (): Line[] =>
  system
    .logs()
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** Uses every kind of secret, the right way and wrong ways. */
async function useSecrets(): Promise<string[]> {
  const account = await client.account();
  const wrong = `wrong ${crypto.randomUUID()}`;
  secretsUsed.add(wrong);
  await client.rest('POST', '/login', { body: { username: account.username, password: wrong } });
  await client.rest('POST', '/register', { body: { username: 'x', email: 'x', password: wrong } });
  await client.rest('POST', '/login', { body: `{"username":"x","password":"${wrong}` });
  await client.graphql(
    'mutation($p: String!) { login(input: { username: "x", password: $p, extra: 1 }) { __typename } }',
    { p: wrong },
  );
  await client.graphql(
    `mutation { login(input: { username: "${account.username}", password: "${wrong}" }) { __typename } }`,
  );
  const login = await client.rest('POST', '/login', {
    body: { username: account.username, password: account.password },
  });
  const refreshed = await client.rest('POST', '/token/refresh', {
    body: { refresh_token: login.body.refresh_token },
  });
  await client.rest('POST', '/token/refresh', { body: { refresh_token: login.body.refresh_token } });
  await client.rest('GET', '/profile', { token: `${refreshed.body.token}x` });
  await client.rest('GET', `/products?cursor=${account.token}`);
  const hashes = await inspect(system.adminUrl, async (database) => {
    const { rows } = await database.query<{ password_hash: string }>('SELECT password_hash FROM users.users');
    return rows.map(({ password_hash }) => password_hash);
  });
  const fresh = [
    login.body.token,
    login.body.refresh_token,
    refreshed.body.token,
    refreshed.body.refresh_token,
  ];
  for (const secret of fresh) secretsUsed.add(secret);
  return [...secretsUsed, ...hashes, system.signingKey.d ?? '', ...system.databasePasswords];
}

/** Texts of callers' choice, far longer than any that means something, wherever they can be put. */
async function sendLongTexts(): Promise<void> {
  const long = (length: number) => 'L'.repeat(length);
  const headers = {
    'user-agent': long(2_000),
    'x-request-id': long(2_000),
    'idempotency-key': long(2_000),
    'apollographql-client-name': long(2_000),
  };
  const { token } = await client.account();
  await fetch(`${system.url}/${long(4_000)}?${long(2_000)}`, { headers });
  await client.rest('POST', '/orders', { token, headers, body: { product_id: long(9_000), quantity: 1 } });
  await client.rest('POST', '/login', { body: { username: long(90_000), password: long(90_000) } });
  await client.graphql(`query Q${long(90_000)} { me { id } }`, {}, token, headers);
  await client.graphql(`query { ${long(90_000)}: me { id } }`, { [long(9_000)]: long(90_000) }, token);
  await client.graphql(`{ product(id: "${long(90_000)}") { ${long(90_000)} } }`);
  // Of what fails by our error, the log says where and why.
  await system.kill('products');
  const failing = `query Q${long(90_000)} { ${long(90_000)}: products(first: 1) { edges { cursor } } }`;
  expect((await client.graphql(failing, {}, token)).errors[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE');
  await system.restart('products');
}

describe('the log', () => {
  it('is one JSON line an event, with who, what, how it ended and how long it took', async () => {
    const account = await client.account();
    const requestId = uniqueName('trace');
    await fetch(`${system.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${account.token}`,
        'x-request-id': requestId,
      },
      body: JSON.stringify({ query: 'query Mine { me { orders { edges { node { id } } } } }' }),
    });
    const trace = await eventually(
      async () => lines().filter((line) => line.requestId === requestId),
      (found) => new Set(found.map(({ service }) => service)).size === 3,
    );
    expect(new Set(trace.map(({ service }) => service))).toEqual(new Set(['gateway', 'users', 'orders']));
    for (const line of trace) {
      expect(line).toMatchObject({ level: 'info', msg: 'request', status: 200, userId: Number(account.id) });
      expect(line.operation).toContain('Mine');
      expect(line.ms).toBeGreaterThan(0);
      expect(new Date(line.time).getTime()).toBeGreaterThan(Date.now() - 60_000);
    }
  });

  it('says from which address a request came, in every service, and which root fields ran under a name of the caller', async () => {
    const { token } = await client.account();
    const requestId = uniqueName('fields');
    const query = `query Innocent($not: Boolean!) {
      a: product(id: 1) { id } b: product(id: 2) { id } me { orders(first: 1) { edges { cursor } } }
      ... on Query @include(if: $not) { products(first: 1) { edges { cursor } } }
    }`;
    await client.graphql(query, { not: false }, token, { 'x-request-id': requestId });
    const found = await eventually(
      async () => lines().filter((line) => line.requestId === requestId && line.msg === 'request'),
      (some) => new Set(some.map(({ service }) => service)).size === 4,
    );
    for (const { address } of found) expect(address).toBe('127.0.0.1');
    expect(found.find(({ service }) => service === 'gateway')?.fields).toBe('product×2 me');
  });

  it('says of a request what it was counted by: what a proxy says counts when it is trusted', async () => {
    const behind = await system.another('gateway', { TRUSTED_PROXIES: '1' });
    const [spoofed, seen] = ['203.0.113.7', '198.51.100.23'];
    const ask = async (url: string, path: string, init: RequestInit = {}) => {
      const requestId = uniqueName('address');
      const headers = {
        ...init.headers,
        'x-forwarded-for': `${spoofed}, ${seen}`,
        'x-request-id': requestId,
      };
      await fetch(`${url}${path}`, { ...init, headers });
      const [line] = await eventually(
        async () => lines().filter((one) => one.requestId === requestId && one.service === 'gateway'),
        (some) => some.length > 0,
      );
      return line?.address;
    };
    const preflight = {
      method: 'OPTIONS',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
    };
    for (const [path, init] of [
      ['/products', {}],
      ['/nowhere', {}],
      ['/graphql', { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } }],
      ['/graphql', preflight],
    ] as const) {
      expect([path, await ask(behind.url, path, init)]).toEqual([path, seen]);
      expect([path, await ask(system.url, path, init)]).toEqual([path, '127.0.0.1']);
    }
    await behind.stop();
  });

  it('says who sent what cannot be read as a request', async () => {
    const { length: before } = await logsSoFar(system);
    const { hostname, port } = new URL(system.url);
    const socket = connect(Number(port), hostname, () => socket.end('no request at all\r\n\r\n'));
    const added = await eventually(
      async () => lines().slice(before),
      (some) => some.some(({ status }) => status === 400),
    );
    expect(added.find(({ status }) => status === 400)?.address).toBe('127.0.0.1');
  });

  it('does not believe a stranger’s address at a subgraph', async () => {
    const requestId = uniqueName('stranger');
    await fetch(system.subgraphUrl('users'), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'client-address': '203.0.113.7',
        'x-request-id': requestId,
      },
      body: '{"query":"{ __typename }"}',
    });
    const [line] = await eventually(
      async () => lines().filter((one) => one.requestId === requestId && one.msg === 'request'),
      (some) => some.length > 0,
    );
    expect([line?.status, line?.address]).toEqual([401, undefined]);
  });

  it('has short lines for long texts of callers: of an operation’s name the first 100 characters', async () => {
    const { length: before } = await logsSoFar(system);
    await sendLongTexts();
    const added = await eventually(
      async () => system.logs().slice(before),
      (found) => found.some((line) => line.includes('a field failed')),
    );
    for (const line of added) expect(line.length).toBeLessThan(5_000);
    const operations = added.map((line) => JSON.parse(line).operation ?? '');
    expect(operations).toContain(`Q${'L'.repeat(98)}…`);
    for (const operation of operations) expect(operation.length).toBeLessThanOrEqual(100);
  });

  it('holds none of the passwords, tokens, hashes and keys that were used', async () => {
    const secrets = (await useSecrets()).filter((secret) => secret !== '');
    expect(secrets.length).toBeGreaterThan(10);
    const log = (await logsSoFar(system)).join('\n');
    expect(log.length).toBeGreaterThan(1_000);
    for (const secret of secrets) expect(log.includes(secret)).toBe(false);
  });
});
