// "Retrying is safe": a key of the client's stands for one effect, however many calls carry it at the same time.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { rounds, timeLimitMs } from '../support/long.ts';
import { expectProblem } from '../support/problems.ts';
import { useSystem } from '../support/use-system.ts';

const CALLERS = 20;

const system = useSystem({ env: { IDEMPOTENCY_SWEEP_MS: '200' } });
let client: Client;
let owner: Account;
let other: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  [owner, other] = await Promise.all([client.account(), client.account()]);
});

const CUP = { name: 'Cup', description: 'For tea.', price: 2.5, stock: 5 };
const create = (key: string, body: object = CUP, { token }: Account = owner) =>
  client.rest('POST', '/products', { token, body, headers: { 'idempotency-key': key } });

const CREATE = `mutation($input: CreateProductInput!) { createProduct(input: $input) {
  __typename ... on Product { id } ... on Problem { code } ... on InvalidInput { errors { field } } } }`;
const ADJUST = `mutation($id: ID!, $delta: Int!, $key: String) {
  adjustStock(id: $id, delta: $delta, idempotencyKey: $key) {
    __typename ... on Product { id stock version } ... on Problem { code } ... on OutOfStock { available } } }`;
const adjust = async (id: string, delta: number, key: string, { token }: Account = owner) =>
  (await client.graphql(ADJUST, { id, delta, key }, token)).data.adjustStock;

const at = async (id: string) => (await client.rest('GET', `/products/${id}`)).body;
const sameForAll = <T>(count: number, call: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, call));

async function productsNamed(name: string): Promise<number> {
  const { rowCount } = await inspect(system.adminUrl, (admin) =>
    admin.query('SELECT FROM products.products WHERE name = $1', [name]),
  );
  return rowCount ?? 0;
}

describe('a key', () => {
  it(
    'makes one product of twenty calls at once, and answers all of them with it',
    async () => {
      for (const _ of rounds(10)) {
        const name = `Cup ${crypto.randomUUID()}`;
        const key = crypto.randomUUID();
        const replies = await sameForAll(CALLERS, () => create(key, { ...CUP, name }));
        expect(replies.map(({ status }) => status)).toEqual(Array(CALLERS).fill(201));
        expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
        expect(await productsNamed(name)).toBe(1);
      }
    },
    timeLimitMs(60_000),
  );

  it(
    'changes the stock once for twenty calls at once, and answers all of them with the product',
    async () => {
      for (const _ of rounds(10)) {
        const { id } = await client.product(owner.token, { stock: 50 });
        const key = crypto.randomUUID();
        const outcomes = await sameForAll(CALLERS, () => adjust(id, -3, key));
        expect(outcomes).toEqual(Array(CALLERS).fill({ __typename: 'Product', id, stock: 47, version: 2 }));
        expect(await at(id)).toMatchObject({ stock: 47, version: 2 });
      }
    },
    timeLimitMs(60_000),
  );

  it('takes the last units once: who comes second is told of that, and not that nothing is left', async () => {
    const { id } = await client.product(owner.token, { stock: 3 });
    const outcomes = await sameForAll(8, () => adjust(id, -3, 'the last three'));
    expect(outcomes).toEqual(Array(8).fill({ __typename: 'Product', id, stock: 0, version: 2 }));
    expect(await adjust(id, -3, 'three more')).toMatchObject({ __typename: 'OutOfStock', available: 0 });
  });

  it('that was used gives the product as it is now, also after it has left the catalog', async () => {
    const first = await create('as it is now');
    const { id } = first.body;
    await adjust(id, 4, 'four more');
    const again = await create('as it is now', { ...CUP, price: '2.50' });
    expect([again.status, again.headers.get('etag'), again.body]).toEqual([
      201,
      '"2"',
      { ...first.body, stock: 9, version: 2, updated_at: expect.any(String) },
    ]);
    expect(again.headers.get('location')).toBe(`/products/${id}`);
    await client.rest('DELETE', `/products/${id}`, { token: owner.token });
    expect((await create('as it is now')).body).toMatchObject({ id, version: 3 });
    expect(await adjust(id, 4, 'four more')).toMatchObject({ id: String(id), stock: 9, version: 3 });
  });

  it('that comes back with another input, or for something else, is refused', async () => {
    const { id } = (await create('only once')).body;
    expectProblem(await create('only once', { ...CUP, stock: 6 }), 422, 'IDEMPOTENCY_KEY_REUSED');
    const reused = { __typename: 'IdempotencyKeyReused', code: 'IDEMPOTENCY_KEY_REUSED' };
    expect(await adjust(id, 1, 'only once')).toEqual(reused);
    expect(await adjust(id, 1, 'one more')).toMatchObject({ stock: 6 });
    expect(await adjust(id, 2, 'one more')).toEqual(reused);
    expectProblem(await create('one more'), 422, 'IDEMPOTENCY_KEY_REUSED');
    const { data } = await client.graphql(
      CREATE,
      { input: { ...CUP, idempotencyKey: 'one more' } },
      owner.token,
    );
    expect(data.createProduct).toEqual(reused);
    expect(await at(id)).toMatchObject({ stock: 6, version: 2 });
  });

  it('belongs to its user, and stands for the same in REST and GraphQL', async () => {
    const mine = await create('a common key');
    const theirs = await create('a common key', CUP, other);
    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect(theirs.body.id).not.toBe(mine.body.id);
    const input = { ...CUP, idempotencyKey: 'a common key' };
    const { data } = await client.graphql(CREATE, { input }, other.token);
    expect(data.createProduct).toEqual({ __typename: 'Product', id: String(theirs.body.id) });
  });

  it('is forgotten after 90 days, and then stands for something new', async () => {
    const first = await create('long ago');
    await create('not so long ago');
    const left = await inspect(system.adminUrl, async (admin) => {
      await admin.query(
        `UPDATE products.idempotency_keys
            SET created_at = now() - CASE key WHEN 'long ago' THEN interval '91 days' ELSE interval '89 days' END
          WHERE key LIKE '%long ago'`,
      );
      return eventually(
        () => admin.query("SELECT key FROM products.idempotency_keys WHERE key LIKE '%long ago'"),
        ({ rowCount }) => rowCount === 1,
      );
    });
    expect(left.rows).toEqual([{ key: 'not so long ago' }]);
    const second = await create('long ago');
    expect(second.status).toBe(201);
    expect(second.body.id).not.toBe(first.body.id);
  });

  it('of an order is forgotten after 90 days, too', async () => {
    const { id } = await client.product(owner.token, { stock: 50 });
    const order = () =>
      client.rest('POST', '/orders', {
        token: owner.token,
        body: { product_id: id, quantity: 1 },
        headers: { 'idempotency-key': 'an order of long ago' },
      });
    const first = await order();
    expect((await order()).body.id).toBe(first.body.id);
    await inspect(system.adminUrl, async (admin) => {
      await admin.query("UPDATE orders.idempotency_keys SET created_at = now() - interval '91 days'");
      await eventually(
        () => admin.query('SELECT FROM orders.idempotency_keys'),
        ({ rowCount }) => rowCount === 0,
      );
    });
    const second = await order();
    expect(second.status).toBe(201);
    expect(second.body.id).not.toBe(first.body.id);
  });

  it('that no client should send is refused by name', async () => {
    for (const idempotencyKey of ['', 'x'.repeat(256), 'schlüssel']) {
      const { data } = await client.graphql(CREATE, { input: { ...CUP, idempotencyKey } }, owner.token);
      expect(data.createProduct.errors).toEqual([{ field: 'idempotencyKey' }]);
    }
  });
});
