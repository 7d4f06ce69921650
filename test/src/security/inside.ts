// Inside the system: no secret in logs or command lines, the content of the logs, the callers that a subgraph accepts, and how soon each
// service refuses an ended access token. The module starts and kills services.
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePorts } from '@holdfast/local/stack/stack';
import { SERVICE_TOKEN_HEADER } from '@holdfast/platform/auth/service-tokens';
import { newServiceKey, tokensOf } from '@holdfast/platform/auth/testing-services';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, eventually, secretsUsed, uniqueName } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { readLogsSoFar } from '../support/logs-so-far.ts';
import { scrape, sumOf } from '../support/metrics.ts';
import type { Subgraph } from '../support/running-system.ts';
import { useStaff } from '../support/shop.ts';
import { createStaff } from '../support/staff.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { account, client, early, second, system } from './secrets-shop.ts';

const PROCESSES = ['gateway', 'users', 'products', 'orders'] as const;

let secrets: string[];
/** A gateway that trusts no proxy. No subgraph knows its key, so every call to a subgraph fails and it is never ready. */
let unknownGateway: { readonly url: string; readonly opsUrl: string };

beforeAll(async () => {
  const ports = (await findFreePorts()).gateway;
  const environment = { SERVICE_KEY: newServiceKey(), TRUSTED_PROXIES: '0' };
  void system.another('gateway', environment, { ports }).catch(() => undefined);
  unknownGateway = { url: `http://127.0.0.1:${ports.http}`, opsUrl: `http://127.0.0.1:${ports.ops}` };
  await client.product(account.token);
  secrets = [...secretsUsed, ...system.databasePasswords, system.signingKey.d ?? ''];
});

async function waitForUnknownGateway(): Promise<void> {
  const readiness = async () => {
    const reply = await fetch(`${unknownGateway.opsUrl}/readyz`).catch(() => undefined);
    return reply === undefined ? '' : await reply.text();
  };
  await eventually(readiness, (text) => text.includes('"failing":["subgraphs"]'));
}

const expectNone = (where: string, text: string) =>
  expect([where, secrets.findIndex((secret) => text.includes(secret))]).toEqual([where, -1]);

describe('a secret', () => {
  it('is in no command line of any process', async () => {
    expect(secrets.every((secret) => secret.length > 10)).toBe(true);
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const lines = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
    );
    // The processes of the system must be among them; otherwise the test has checked no command line.
    for (const name of PROCESSES) expect(pids).toContain(String(system.pid(name)));
    for (const line of lines) expectNone(line.split('\0').slice(0, 3).join(' '), line);
  });

  it('is in no log line, in no metric and in no published document', async () => {
    expectNone('the log', (await readLogsSoFar(system)).join('\n'));
    for (const name of PROCESSES) {
      for (const path of ['/metrics', '/readyz', '/livez']) {
        expectNone(`${name}${path}`, await (await fetch(system.opsUrl(name, path))).text());
      }
    }
    for (const path of ['/', '/openapi.json', '/docs', '/.well-known/jwks.json'])
      expectNone(path, await (await fetch(system.url + path)).text());
  });
});

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

const parse = (lines: readonly string[]): Line[] => lines.map((line) => JSON.parse(line));
/** The lines about one request. */
const linesAbout = (requestId: string) => parse(system.logs().filter((line) => line.includes(requestId)));

/** Uses every kind of secret, in right and wrong ways. */
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

/** Sends very long texts in every place where a caller chooses a text. */
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
  // The log of an internal error contains the place and the cause.
  await waitForUnknownGateway();
  const failing = `query Q${long(90_000)} { ${long(90_000)}: products(first: 1) { edges { cursor } } }`;
  const reply = await fetch(`${unknownGateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: failing }),
  });
  expect(JSON.parse(await reply.text()).errors[0].extensions.code).toBe('SERVICE_UNAVAILABLE');
}

describe('the log', () => {
  it('is one JSON line an event, with who, what, how it ended and how long it took', async () => {
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
      async () => linesAbout(requestId),
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

  it('names the address of the caller in every service, and the root fields that ran', async () => {
    const { token } = await client.account();
    const requestId = uniqueName('fields');
    const query = `query Innocent($not: Boolean!) {
      a: product(id: 1) { id } b: product(id: 2) { id } me { orders(first: 1) { edges { cursor } } }
      ... on Query @include(if: $not) { products(first: 1) { edges { cursor } } }
    }`;
    await client.graphql(query, { not: false }, token, { 'x-request-id': requestId });
    const found = await eventually(
      async () => linesAbout(requestId).filter(({ msg }) => msg === 'request'),
      (some) => new Set(some.map(({ service }) => service)).size === 4,
    );
    for (const { address } of found) expect(address).toBe('127.0.0.1');
    expect(found.find(({ service }) => service === 'gateway')?.fields).toBe('product×2 me');
  });

  it('names the address that the limits count: the one from the proxy, if the gateway trusts the proxy', async () => {
    await waitForUnknownGateway();
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
        async () =>
          linesAbout(requestId).filter(({ service, msg }) => service === 'gateway' && msg === 'request'),
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
      expect([path, await ask(system.url, path, init)]).toEqual([path, seen]);
      expect([path, await ask(unknownGateway.url, path, init)]).toEqual([path, '127.0.0.1']);
    }
  });

  it('names the address that sent an unreadable request', async () => {
    const { length: before } = await readLogsSoFar(system);
    const { hostname, port } = new URL(system.url);
    const socket = connect(Number(port), hostname, () => socket.end('no request at all\r\n\r\n'));
    const added = await eventually(
      async () => parse(system.logs().slice(before)),
      (some) => some.some(({ status }) => status === 400),
    );
    expect(added.find(({ status }) => status === 400)?.address).toBe('127.0.0.1');
  });

  it('does not accept an address from a stranger at a subgraph', async () => {
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
      async () => linesAbout(requestId).filter(({ msg }) => msg === 'request'),
      (some) => some.length > 0,
    );
    expect([line?.status, line?.address]).toEqual([401, undefined]);
  });

  it('has short lines for long texts: the first 100 characters of the name of an operation', async () => {
    const { length: before } = await readLogsSoFar(system);
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

  it('contains none of the passwords, tokens, hashes and keys that were used', async () => {
    const secrets = (await useSecrets()).filter((secret) => secret !== '');
    expect(secrets.length).toBeGreaterThan(10);
    const log = (await readLogsSoFar(system)).join('\n');
    expect(log.length).toBeGreaterThan(1_000);
    for (const secret of secrets) expect(log.includes(secret)).toBe(false);
  });
});

describe('service tokens', () => {
  const SUBGRAPHS = ['users', 'products', 'orders'] as const;

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
    it('refuses a signed-in user, the token of another service, and expired and forged tokens', async () => {
      const { gateway, products } = system.serviceKeys;
      for (const service of SUBGRAPHS) {
        const elsewhere = service === 'orders' ? 'products' : 'orders';
        const tokens: Record<string, string | undefined> = {
          none: undefined,
          'the user’s own': `Bearer ${account.token}`,
          'meant for another subgraph': await tokensOf('gateway', gateway)(elsewhere),
          'of another key': await tokensOf('gateway', newServiceKey())(service),
          'of a service that does not call this one': await tokensOf('products', products)(service),
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

    it('serves its keys, its health and its metrics without a token', async () => {
      const keys = new URL('/.well-known/jwks.json', system.subgraphUrl('users'));
      expect((await fetch(keys)).status).toBe(200);
      for (const service of SUBGRAPHS)
        for (const path of ['/livez', '/readyz', '/metrics'])
          expect((await fetch(system.opsUrl(service, path))).status).toBe(200);
    });

    it('refuses a gateway with a wrong key, and the gateway then answers 503 and not 401', async () => {
      await waitForUnknownGateway();
      const reply = await fetch(`${unknownGateway.url}/profile`, {
        headers: { authorization: `Bearer ${account.token}` },
      });
      expect(reply.status).toBe(503);
      expect(await reply.text()).not.toMatch(/service token|Service-Authorization/i);
    });
  });
});

describe('ended access tokens', () => {
  /** The longest time until every service refuses an ended token, ms. */
  const BOUND_MS = 5_000;

  const staff = useStaff(system, client);
  const codeOf = async (reply: Response): Promise<string> => {
    const body = await reply.text();
    return reply.ok ? 'ok' : JSON.parse(body).code;
  };
  const viaGateway = async (url: string, path: string, token: string) =>
    codeOf(await fetch(url + path, { headers: { authorization: `Bearer ${token}` } }));

  /** Calls each verifier separately. The gateway refuses REST routes before it calls a subgraph. */
  const DOORS: Record<string, (token: string) => Promise<string>> = {
    'the gateway': (token) => viaGateway(system.url, '/profile', token),
    'a second gateway': (token) => viaGateway(second.url, '/orders', token),
    users: (token) => subgraph('users', '{ me { id } }', token),
    products: (token) =>
      subgraph('products', 'mutation { adjustStock(id: "1", delta: 1) { __typename } }', token),
    orders: (token) => subgraph('orders', '{ orders { edges { cursor } } }', token),
  };
  async function subgraph(name: 'users' | 'products' | 'orders', query: string, token: string) {
    const { errors } = await askSubgraph(system, name, { query, token });
    return errors[0]?.extensions.code ?? 'ok';
  }
  const everywhere = async (token: string): Promise<Record<string, string>> =>
    Object.fromEntries(
      await Promise.all(Object.entries(DOORS).map(async ([door, ask]) => [door, await ask(token)])),
    );
  const each = (code: string) => Object.fromEntries(Object.keys(DOORS).map((door) => [door, code]));
  const isRefused = (code: string): boolean => code === 'UNAUTHENTICATED';
  const refused = (codes: Record<string, string>): boolean => Object.values(codes).every(isRefused);

  const graphql = async (query: string, variables: Record<string, unknown>, token: string) => {
    const { data, errors } = await client.graphql(query, variables, token);
    expect(errors).toEqual([]);
    return data;
  };
  const changeRole = (userId: string, expectedVersion: number, role: string) =>
    graphql(
      `mutation ($userId: ID!, $expectedVersion: Int!, $role: Role!) {
      changeRole(userId: $userId, expectedVersion: $expectedVersion, role: $role) { __typename } }`,
      { userId, expectedVersion, role },
      staff.token,
    );

  const CAUSES: Record<string, (account: Account) => Promise<unknown>> = {
    'logout/everywhere': ({ token }) => client.rest('POST', '/logout/everywhere', { token }),
    'a change of the password': ({ token, password }) => {
      const next = `another ${password}`;
      secretsUsed.add(next);
      const body = { current_password: password, new_password: next };
      return client.rest('PUT', '/profile/password', { token, body });
    },
    'a demotion': ({ id }) => changeRole(id, 1, 'CUSTOMER'),
    'the end of its sessions by staff': ({ id }) =>
      client.rest('POST', `/users/${id}/end-sessions`, {
        token: staff.token,
        body: { reason: 'a lost phone' },
      }),
    'a disabling by staff': ({ id }) =>
      client.rest('POST', `/users/${id}/disable`, {
        token: staff.token,
        headers: { 'if-match': '"1"' },
        body: { reason: 'it hoards' },
      }),
  };

  /** Waits until the token of the account is refused everywhere. */
  async function untilRefused({ token }: Account): Promise<void> {
    // Verifiers read the list once a second, so to ask more often would only cost time.
    await eventually(() => sleep(600).then(() => everywhere(token)), refused);
  }

  it('end at every gateway and subgraph within five seconds of every cause, and later tokens are valid', async () => {
    const other = await client.account();
    const accounts = await Promise.all(
      Object.keys(CAUSES).map((cause) =>
        cause === 'a demotion' ? createStaff(system, client) : client.account(),
      ),
    );
    for (const { token } of [other, ...accounts]) expect(await everywhere(token)).toEqual(each('ok'));
    await Promise.all(
      Object.entries(CAUSES).map(async ([cause, end], index) => {
        const account = accounts[index] ?? other;
        await end(account);
        const startedAt = performance.now();
        await untilRefused(account);
        const ms = performance.now() - startedAt;
        expect([cause, ms < BOUND_MS || ms]).toEqual([cause, true]);
        const password =
          cause === 'a change of the password' ? `another ${account.password}` : account.password;
        const login = await client.rest('POST', '/login', { body: { username: account.username, password } });
        if (cause === 'a disabling by staff')
          return expect([login.status, login.body.code]).toEqual([403, 'ACCOUNT_DISABLED']);
        secretsUsed.add(login.body.token).add(login.body.refresh_token);
        expect([cause, await everywhere(login.body.token)]).toEqual([cause, each('ok')]);
      }),
    );
    expect(await everywhere(other.token)).toEqual(each('ok'));
  });

  it('stay ended for a gateway that starts later, as soon as it is ready', async () => {
    expect(second.statusWhenReady).toBe(401);
    expect(await everywhere(early.token)).toEqual(each('UNAUTHENTICATED'));
  });

  it('follow the last list while the users service is down, and a metric has its age; a verifier without a list answers 503', async () => {
    const [ended, live] = [early, account];
    await system.kill('users');
    const codes = async (token: string) => [
      await viaGateway(system.url, '/orders', token),
      await DOORS['orders']?.(token),
    ];
    const ageOf = async (verifier: (typeof PROCESSES)[number]) =>
      sumOf(await scrape(system.opsUrl(verifier, '/metrics')), 'revocation_list_age_seconds');
    await eventually(
      () => ageOf('gateway'),
      (age) => age > 2,
    );
    await eventually(
      () => ageOf('orders'),
      (age) => age > 2,
    );
    expect(await codes(ended.token)).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED']);
    expect(await codes(live.token)).toEqual(['ok', 'ok']);
    await system.kill('products');
    await system.restart('products');
    for (const { token } of [ended, live])
      expect(await DOORS['products']?.(token)).toBe('SERVICE_UNAVAILABLE');
    await system.restart('users');
    await eventually(
      async () => DOORS['products']?.(live.token),
      (code) => code === 'ok',
    );
    expect(await everywhere(ended.token)).toEqual(each('UNAUTHENTICATED'));
    await eventually(
      () => ageOf('gateway'),
      (age) => age < 2,
    );
  }, 120_000);

  it('are listed for services only', async () => {
    const list = new URL('/revocations', system.subgraphUrl('users'));
    expect((await fetch(list)).status).toBe(401);
    expect((await fetch(list, { headers: await system.serviceHeaders('orders') })).status).toBe(401);
    expect((await fetch(list, { headers: await system.serviceHeaders('users') })).status).toBe(200);
    expect((await fetch(`${system.url}/revocations`)).status).toBe(404);
  });
});
