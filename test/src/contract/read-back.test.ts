// A client can send back what GET gave of a product, also when the rules for new values are stricter by now.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { fieldsOf } from '../support/problems.ts';
import { useSharedSystem } from '../support/use-system.ts';

const LIMIT = 1_000_000_000;

const system = useSharedSystem();
let client: Client;
let account: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
});

const read = (id: string) => client.rest('GET', `/products/${id}`);

const write = async (method: 'PUT' | 'PATCH', id: string, body: unknown) => {
  const etag = (await read(id)).headers.get('etag') ?? '';
  return client.rest(method, `/products/${id}`, {
    token: account.token,
    headers: { 'if-match': etag },
    body,
  });
};

const adjust = async (id: string, delta: number) => {
  const mutation = `mutation($id: ID!, $delta: Int!) { adjustStock(id: $id, delta: $delta) {
    __typename ... on Product { stock } ... on InvalidInput { errors { field message } } } }`;
  return (await client.graphql(mutation, { id, delta }, account.token)).data.adjustStock;
};

/** A product whose stock a cancellation has taken above the limit by `units`. */
async function overfilled(units: number): Promise<string> {
  const { id } = await client.product(account.token, { stock: units });
  const order = await client.rest('POST', '/orders', {
    token: account.token,
    body: { product_id: id, quantity: units },
    headers: { prefer: 'wait=10' },
  });
  expect(order.status).toBe(201);
  expect((await write('PATCH', id, { stock: LIMIT })).status).toBe(200);
  const cancelled = await client.rest('POST', `/orders/${order.body.id}/cancel`, {
    token: account.token,
    headers: { 'if-match': '*' },
  });
  expect(cancelled.status).toBe(200);
  await eventually(
    () => read(id),
    ({ body }) => body.stock === LIMIT + units,
  );
  return id;
}

describe('a product whose stock a cancellation has taken above the limit', () => {
  it('can be put back as it was read, patched, and taken from, but not raised', async () => {
    const id = await overfilled(3);
    const { body } = await read(id);
    const put = await write('PUT', id, body);
    expect(put.status).toBe(200);
    expect(put.body).toMatchObject({ stock: LIMIT + 3, version: body.version + 1 });
    const renamed = await write('PATCH', id, { name: 'Another name', stock: LIMIT + 3 });
    expect(renamed.body).toMatchObject({ name: 'Another name', stock: LIMIT + 3 });

    const raised = await write('PUT', id, { ...body, version: renamed.body.version, stock: LIMIT + 4 });
    expect(raised.status).toBe(400);
    expect(fieldsOf(raised.body)).toEqual(['stock']);
    expect(raised.text).toContain(`expected a whole number of 0 to ${LIMIT}, got ${LIMIT + 4}`);
    expect(await adjust(id, 1)).toMatchObject({ __typename: 'InvalidInput' });
    expect(await adjust(id, -1)).toEqual({ __typename: 'Product', stock: LIMIT + 2 });
    expect((await write('PATCH', id, { stock: 5 })).body.stock).toBe(5);
  });

  it('is left as it is, at its version, by a change to what it is', async () => {
    const id = await overfilled(2);
    const { version } = (await read(id)).body;
    const patched = await write('PATCH', id, { stock: LIMIT + 2 });
    expect(patched.status).toBe(200);
    expect(patched.body).toMatchObject({ stock: LIMIT + 2, version });
  });

  it('is not written by a stale PUT of what was read', async () => {
    const id = await overfilled(1);
    const before = await read(id);
    expect((await write('PATCH', id, { name: 'Changed since' })).status).toBe(200);
    const stale = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': before.headers.get('etag') ?? '' },
      body: before.body,
    });
    expect([400, 412]).toContain(stale.status);
    expect((await read(id)).body).toMatchObject({ name: 'Changed since', stock: LIMIT + 1 });
  });
});

describe('values that are older than a rule', () => {
  it.each([
    ['a name of blanks', { name: '   ' }],
    ['a description with a control character', { description: 'bell: \u0007' }],
  ])('are taken back: %s', async (_, old) => {
    const { id } = await client.product(account.token);
    const [[column, value] = ['', '']] = Object.entries(old);
    await inspect(system.adminUrl, (admin) =>
      admin.query(`UPDATE products.products SET ${column} = $2, version = version + 1 WHERE id = $1`, [
        id,
        value,
      ]),
    );
    // Written past the service, and so past its cache: the next write through it shows the row anew.
    await adjust(id, 1);
    const { body } = await read(id);
    expect(body).toMatchObject(old);
    const put = await write('PUT', id, { ...body, price: 7 });
    expect(put.status).toBe(200);
    expect(put.body).toMatchObject({ ...old, price: 7 });
    expect((await write('PUT', id, { ...put.body, [column]: `${value}${value}` })).status).toBe(400);
  });
});
