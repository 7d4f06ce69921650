// A caller that closes its connection: PostgreSQL cancels its reads, and its writes are carried out. And a reply that is lost after the
// commit: the caller gets 503, sends the same request again, and its effect exists once.
import { findFreePorts } from '@holdfast/local/stack/stack';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Account, Client, eventually, uniqueName } from '../support/client.ts';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { readLogsSoFar } from '../support/logs-so-far.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { type System, startSystem } from '../support/system.ts';

let system: System;
let client: Client;
let account: Account;
let admin: pg.Client;
/** The gateway reaches these services by the proxies. */
let products: CuttingProxy;
let users: CuttingProxy;

beforeAll(async () => {
  const ports = await findFreePorts();
  [products, users] = await Promise.all([
    startCuttingProxy(ports.products.http),
    startCuttingProxy(ports.users.http),
  ]);
  const gateway = { PRODUCTS_URL: `${products.url}/graphql`, USERS_URL: `${users.url}/graphql` };
  // The timeouts are longer than a test waits, so that they do not end the statements.
  const env = { READ_TIMEOUT_MS: '9500', SUBGRAPH_TIMEOUT_MS: '12000' };
  system = await startSystem({ ports, env, environment: { gateway } });
  client = await Client.of(system.url);
  account = await client.account();
  admin = new pg.Client({ connectionString: system.adminUrl });
  await admin.connect();
}, 120_000);
afterAll(async () => {
  await admin?.end();
  await system?.stop();
  await Promise.all([products?.stop(), users?.stop()]);
});

let locker: pg.Client;

/** From now on every statement on the catalog waits in PostgreSQL. */
async function lockCatalog(): Promise<void> {
  await locker.query('BEGIN');
  await locker.query('LOCK TABLE products.products IN ACCESS EXCLUSIVE MODE');
}

/** Statements of requests to the products service that wait for a lock. */
const countWaiting = async (): Promise<number> => {
  const { rowCount } = await admin.query(
    `SELECT FROM pg_stat_activity WHERE application_name IN ('products', 'products-writes') AND datname = current_database()
        AND state = 'active' AND wait_event_type = 'Lock'`,
  );
  return rowCount ?? 0;
};
const untilWaiting = (count: number, withinMs?: number) =>
  eventually(countWaiting, (found) => found === count, withinMs);

const graphql = (query: string): [string, RequestInit] => [
  '/graphql',
  { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query }) },
];
/** Each has its own words or ids, so that the cache has no answer. */
const reads = (): [string, RequestInit][] => [
  [`/products?search=${crypto.randomUUID()}`, {}],
  ['/products?sort=name_asc&limit=7', {}],
  [`/products/${UNKNOWN_ID}`, {}],
  graphql(`{ products(first: 3, filter: { search: "${crypto.randomUUID()}" }) { edges { cursor } } }`),
];

interface RequestLine {
  readonly msg: string;
  readonly service: string;
  readonly method: string;
  readonly status: number;
  readonly requestId: string;
}

/** The lines of requests that the gateway and the products service have logged since the log had `before` lines. */
const requestsSince = (before: number): RequestLine[] =>
  system
    .logs()
    .slice(before)
    .map((line): RequestLine => JSON.parse(line))
    .filter(({ msg, service }) => msg === 'request' && ['gateway', 'products'].includes(service));

beforeEach(async () => {
  locker = new pg.Client({ connectionString: system.adminUrl });
  await locker.connect();
});
afterEach(() => locker.end());

describe('a caller that leaves', () => {
  it('has its lists, searches and look-ups cancelled in PostgreSQL, and the log has no error of ours', async () => {
    await lockCatalog();
    const { length: before } = await readLogsSoFar(system);
    const caller = new AbortController();
    const calls = reads().map(([path, init]) =>
      fetch(system.url + path, { ...init, signal: caller.signal }).then(
        () => 'answered',
        () => 'left',
      ),
    );
    await untilWaiting(calls.length);
    caller.abort();
    expect(await Promise.all(calls)).toEqual(calls.map(() => 'left'));
    await untilWaiting(0, 4_000);
    await locker.query('ROLLBACK');
    const logged = await eventually(
      async () => requestsSince(before),
      ({ length }) => length === 2 * calls.length,
    );
    expect(logged.map(({ status }) => status)).toEqual(logged.map(() => 499));
    expect((await readLogsSoFar(system)).slice(before).join('\n')).not.toContain('a field failed');
    expect((await client.rest('GET', '/products')).status).toBe(200);
  });

  it('has its write carried out', async () => {
    const { id } = await client.product(account.token);
    await lockCatalog();
    const { length: before } = await readLogsSoFar(system);
    const caller = new AbortController();
    const write = fetch(`${system.url}/products/${id}`, {
      method: 'PATCH',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${account.token}`,
        'if-match': '"1"',
      },
      body: JSON.stringify({ name: 'Renamed by a caller that left' }),
      signal: caller.signal,
    }).catch(() => 'left');
    await untilWaiting(1);
    caller.abort();
    expect(await write).toBe('left');
    // A read would be cancelled within this time.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await countWaiting()).toBe(1);
    await locker.query('ROLLBACK');
    await eventually(
      () => client.rest('GET', `/products/${id}`),
      ({ body }) => body.name === 'Renamed by a caller that left' && body.version === 2,
    );
    // The gateway has waited for the reply of the service, and its own caller had left.
    const ofWrite = await eventually(
      async () => {
        const logged = requestsSince(before);
        const patch = logged.find(({ method }) => method === 'PATCH');
        return logged.filter(({ requestId }) => requestId === patch?.requestId);
      },
      ({ length }) => length === 2,
    );
    expect(ofWrite.map(({ service, status }) => `${service} ${status}`).sort()).toEqual([
      'gateway 499',
      'products 200',
    ]);
  });
});

describe('a read that takes too long', () => {
  it('is refused and cancelled long before the gateway gives up', async () => {
    const impatient = await system.another('products', { READ_TIMEOUT_MS: '400' });
    const lists = [
      `{ products(filter: { search: "${crypto.randomUUID()}" }) { edges { cursor } } }`,
      '{ products(first: 7, sort: NAME_ASC) { edges { cursor } } }',
      `{ product(id: "${UNKNOWN_ID}") { id } }`,
    ];
    await lockCatalog();
    const startedAt = performance.now();
    const replies = await Promise.all(
      lists.map((query) => askSubgraph(system, 'products', { query, url: `${impatient.url}/graphql` })),
    );
    const codes = replies.flatMap(({ errors }) => errors.map(({ extensions }) => extensions.code));
    expect(codes).toEqual(lists.map(() => 'SERVICE_UNAVAILABLE'));
    expect(performance.now() - startedAt).toBeLessThan(3_500);
    await untilWaiting(0, 2_000);
    await impatient.stop();
  });
});

const ADJUST = `mutation($id: ID!, $key: String!) { adjustStock(id: $id, delta: -3, idempotencyKey: $key) {
  __typename ... on Product { stock version } } }`;

const readRows = async (sql: string, parameters: unknown[]): Promise<Record<string, unknown>[]> =>
  (await admin.query(sql, parameters)).rows;

/** What happens to the products service between its commit and its reply, and how the test repairs it. */
const FATES: [string, () => Promise<void>, () => Promise<void>][] = [
  ['its connection is cut', async () => undefined, async () => undefined],
  ['it is killed', () => system.kill('products'), () => system.restart('products')],
];

describe.each(FATES)('the products service has committed, and %s before it answers', (_, strike, repair) => {
  it('a new product exists once, and the retry gets it', async () => {
    const body = { name: uniqueName('once'), price: 1, stock: 5 };
    const call = () =>
      client.rest('POST', '/products', {
        token: account.token,
        body,
        headers: { 'idempotency-key': body.name },
      });
    const lost = products.loseNextReply(strike);
    expect((await call()).status).toBe(503);
    await lost;
    const rows = await readRows('SELECT id, stock FROM products.products WHERE name = $1', [body.name]);
    expect(rows).toMatchObject([{ stock: 5 }]);
    await repair();
    const again = await call();
    expect(again.status).toBe(201);
    expect(again.body.id).toBe(rows[0]?.['id']);
    expect(await readRows('SELECT FROM products.products WHERE name = $1', [body.name])).toHaveLength(1);
  });

  it('the stock is changed once, and the retry gets the result', async () => {
    const { id } = await client.product(account.token, { stock: 10 });
    const call = () => client.graphql(ADJUST, { id, key: `adjust ${id}` }, account.token);
    const lost = products.loseNextReply(strike);
    expect((await call()).errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
    await lost;
    const stock = () => readRows('SELECT stock, version FROM products.products WHERE id = $1', [id]);
    expect(await stock()).toEqual([{ stock: 7, version: 2 }]);
    await repair();
    const { data } = await call();
    expect(data.adjustStock).toEqual({ __typename: 'Product', stock: 7, version: 2 });
    expect(await stock()).toEqual([{ stock: 7, version: 2 }]);
  });
});

describe('the users service has exchanged a refresh token, and its connection is cut before it answers', () => {
  const refresh = (token: string, key: string) =>
    client.rest('POST', '/token/refresh', {
      body: { refresh_token: token },
      headers: { 'idempotency-key': key },
    });

  it('the session continues with the retry', async () => {
    const { username, password } = account;
    const login = await client.rest('POST', '/login', { body: { username, password } });
    const lost = users.loseNextReply();
    expect((await refresh(login.body.refresh_token, 'one')).status).toBe(503);
    await lost;
    const again = await refresh(login.body.refresh_token, 'one');
    expect(again.status).toBe(200);
    expect((await refresh(again.body.refresh_token, 'two')).status).toBe(200);
  });
});
