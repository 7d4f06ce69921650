// `IDEMPOTENCY_KEY=required`: a shop that takes no order which a second click would double.
import { beforeAll, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { expectProblem } from '../support/problems.ts';
import { useSystem } from '../support/use-system.ts';

const CREATE = `mutation($input: CreateOrderInput!) { createOrder(input: $input) { __typename ... on Order { id } } }`;
const MESSAGE = 'expected 1 to 255 printable ASCII characters, got nothing';

const system = useSystem({ env: { IDEMPOTENCY_KEY: 'required' } });
let client: Client;
let account: Account;
let productId: string;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
  productId = (await client.product(account.token)).id;
});

/** A call of one who does not send keys, as our own client does. */
async function placeWithoutKey(): Promise<Response> {
  return fetch(`${system.url}/orders`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ product_id: productId, quantity: 1 }),
  });
}

const orders = async (): Promise<unknown[]> =>
  (await client.rest('GET', '/orders', { token: account.token })).body;

it('POST /orders without a key is 400, names the header and orders nothing', async () => {
  const reply = await placeWithoutKey();
  const text = await reply.text();
  const { status, headers } = reply;
  expectProblem({ status, headers, text, body: JSON.parse(text) }, 400, 'INVALID_INPUT');
  expect(JSON.parse(text).errors).toEqual([{ field: 'Idempotency-Key', message: MESSAGE }]);
  expect(await orders()).toEqual([]);
});

it('createOrder without a key is BAD_USER_INPUT, names the argument and orders nothing', async () => {
  for (const idempotencyKey of [undefined, null]) {
    const input = { productId, quantity: 1, idempotencyKey };
    const { errors } = await client.graphql(CREATE, { input }, account.token);
    const fault = { code: 'BAD_USER_INPUT', errors: [{ field: 'idempotencyKey', message: MESSAGE }] };
    expect(errors).toMatchObject([{ path: ['createOrder'], extensions: fault }]);
  }
  expect(await orders()).toEqual([]);
});

it('an order with a key is placed', async () => {
  const body = { product_id: productId, quantity: 1 };
  const placed = await client.rest('POST', '/orders', { token: account.token, body });
  expect(placed.status).toBe(201);
  const input = { productId, quantity: 1, idempotencyKey: crypto.randomUUID() };
  const { data } = await client.graphql(CREATE, { input }, account.token);
  expect(data.createOrder.__typename).toBe('Order');
});
