// A reply that is lost after the commit: the caller is told 503, sends the same once more, and it was done once.
import { freePorts } from '@holdfast/local/stack/stack';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, uniqueName } from '../support/client.ts';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts';
import { inspect } from '../support/invariants.ts';
import { type System, startSystem } from '../support/system.ts';

let system: System;
let client: Client;
let account: Account;
let products: CuttingProxy;
let users: CuttingProxy;

beforeAll(async () => {
  const ports = await freePorts();
  [products, users] = await Promise.all([
    startCuttingProxy(ports.products.http),
    startCuttingProxy(ports.users.http),
  ]);
  const gateway = { PRODUCTS_URL: `${products.url}/graphql`, USERS_URL: `${users.url}/graphql` };
  system = await startSystem({ ports, environment: { gateway } });
  client = await Client.of(system.url);
  account = await client.account();
});
afterAll(async () => {
  await system?.stop();
  await Promise.all([products?.stop(), users?.stop()]);
});

const ADJUST = `mutation($id: ID!, $key: String!) { adjustStock(id: $id, delta: -3, idempotencyKey: $key) {
  __typename ... on Product { stock version } } }`;

const rowsOf = (sql: string, parameters: unknown[]): Promise<Record<string, unknown>[]> =>
  inspect(system.adminUrl, async (admin) => (await admin.query(sql, parameters)).rows);

/** What becomes of the products service between its commit and its reply. */
const fates: [string, () => Promise<void>, () => Promise<void>][] = [
  ['its connection is cut', async () => undefined, async () => undefined],
  ['it is killed', () => system.kill('products'), () => system.restart('products')],
];

describe.each(fates)('the products service has committed, and %s before it answers', (_, strike, mend) => {
  it('a new product is there once, and the retry is told of it', async () => {
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
    const rows = await rowsOf('SELECT id, stock FROM products.products WHERE name = $1', [body.name]);
    expect(rows).toMatchObject([{ stock: 5 }]);
    await mend();
    const again = await call();
    expect(again.status).toBe(201);
    expect(again.body.id).toBe(rows[0]?.['id']);
    expect(await rowsOf('SELECT FROM products.products WHERE name = $1', [body.name])).toHaveLength(1);
  });

  it('the stock is changed once, and the retry is told of that', async () => {
    const { id } = await client.product(account.token, { stock: 10 });
    const call = () => client.graphql(ADJUST, { id, key: `adjust ${id}` }, account.token);
    const lost = products.loseNextReply(strike);
    expect((await call()).errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
    await lost;
    const stock = () => rowsOf('SELECT stock, version FROM products.products WHERE id = $1', [id]);
    expect(await stock()).toEqual([{ stock: 7, version: 2 }]);
    await mend();
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

  it('the session goes on with the retry', async () => {
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
