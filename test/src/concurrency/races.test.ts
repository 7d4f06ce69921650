// Races through the whole system. No update is lost, no order is lost, doubled or oversold, and an idempotency key has one effect,
// for any number of calls at the same time.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, eventually } from '../support/client.ts';
import { expectInvariants, inspect } from '../support/invariants.ts';
import { rounds, timeLimitMs } from '../support/long.ts';
import { expectProblem } from '../support/problems.ts';
import { useAccount, useClient, useStaff } from '../support/shop.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
const client = useClient(system);

describe('compare-and-swap', () => {
  const WRITERS = 16;
  const ROUNDS = 10;

  const UPDATE = `mutation Race($id: ID!, $version: Int!, $input: UpdateProductInput!) {
    updateProduct(id: $id, expectedVersion: $version, input: $input) {
      __typename
      ... on Product { name version }
      ... on VersionConflict { currentVersion current { name version } }
    }
  }`;

  /** What one writer saw: that it won, or the version and name in the reply of the conflict. */
  interface Outcome {
    readonly won: boolean;
    readonly version: number;
    readonly name?: string;
  }

  const writer = useAccount(client);

  async function writeByGraphQL(id: string, version: number, name: string): Promise<Outcome> {
    const input = { name, stock: 10 };
    const { data, errors } = await client.graphql(UPDATE, { id, version, input }, writer.token);
    expect(errors).toEqual([]);
    const { __typename, ...outcome } = data.updateProduct;
    if (__typename === 'Product') return { won: true, version: outcome.version, name: outcome.name };
    expect(__typename).toBe('VersionConflict');
    expect(outcome.current.version).toBe(outcome.currentVersion);
    return { won: false, version: outcome.currentVersion, name: outcome.current.name };
  }

  async function writeByRest(id: string, version: number, name: string): Promise<Outcome> {
    const reply = await client.rest('PUT', `/products/${id}`, {
      token: writer.token,
      headers: { 'if-match': `"${version}"` },
      body: { name, description: null, price: 5, stock: 10 },
    });
    if (reply.status === 200) return { won: true, version: reply.body.version, name: reply.body.name };
    expect(reply.status).toBe(412);
    expect(reply.headers.get('etag')).toBe(`"${reply.body.current_version}"`);
    return { won: false, version: reply.body.current_version };
  }

  it(
    `lets exactly one of ${WRITERS} writers at one version win, by REST and GraphQL mixed`,
    async () => {
      const product = await client.product(writer.token);
      let version = product.version;
      let played = 0;
      for (const round of rounds(ROUNDS)) {
        const outcomes = await Promise.all(
          Array.from({ length: WRITERS }, (_, index) => {
            const write = index % 2 === 0 ? writeByRest : writeByGraphQL;
            return write(product.id, version, `round ${round} writer ${index}`);
          }),
        );
        const winners = outcomes.filter(({ won }) => won);
        expect(winners).toHaveLength(1);
        expect(winners[0]?.version).toBe(version + 1);
        for (const loser of outcomes.filter(({ won }) => !won)) {
          expect(loser.version).toBe(version + 1);
          if (loser.name !== undefined) expect(loser.name).toBe(winners[0]?.name);
        }
        const now = await client.rest('GET', `/products/${product.id}`);
        expect(now.body).toMatchObject({ name: winners[0]?.name, version: version + 1 });
        version += 1;
        played += 1;
      }
      expect(played).toBeGreaterThan(0);
      expect(version).toBe(product.version + played);
    },
    timeLimitMs(120_000),
  );

  it('keeps sales and edits apart: a sale fails no edit of the description, and no edit brings sold stock back', async () => {
    const product = await client.product(writer.token, { stock: 100 });
    const sales = 20;
    const sell = () =>
      client.rest('POST', '/orders', { token: writer.token, body: { product_id: product.id, quantity: 1 } });
    const edits = Array.from({ length: 5 }, async (_, index) => {
      const { data } = await client.graphql(
        UPDATE,
        { id: product.id, version: product.version, input: { description: `edit ${index}` } },
        writer.token,
      );
      return data.updateProduct.__typename;
    });
    const [outcomes] = await Promise.all([
      Promise.all(edits),
      Promise.all(Array.from({ length: sales }, sell)),
    ]);
    expect(outcomes.filter((outcome) => outcome === 'Product')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'VersionConflict')).toHaveLength(4);
    const now = await client.rest('GET', `/products/${product.id}`);
    expect(now.body).toMatchObject({ stock: 100 - sales });
    // The service writes sales that arrive at the same time as one change.
    expect(now.body.version).toBeGreaterThanOrEqual(product.version + 2);
    expect(now.body.version).toBeLessThanOrEqual(product.version + sales + 1);

    const stale = await client.graphql(
      UPDATE,
      { id: product.id, version: now.body.version - 1, input: { stock: 100 } },
      writer.token,
    );
    expect(stale.data.updateProduct).toMatchObject({
      __typename: 'VersionConflict',
      currentVersion: now.body.version,
    });
  });

  it('is exact in REST: an If-Match from before a sale is refused though only the description changes', async () => {
    const product = await client.product(writer.token);
    await client.rest('POST', '/orders', {
      token: writer.token,
      body: { product_id: product.id, quantity: 1 },
    });
    const reply = await client.rest('PATCH', `/products/${product.id}`, {
      token: writer.token,
      headers: { 'if-match': `"${product.version}"` },
      body: { description: 'written without having seen the sale' },
    });
    expect(reply.status).toBe(412);
    expect(reply.body).toMatchObject({ code: 'PRECONDITION_FAILED', current_version: product.version + 1 });
  });

  it('lets one of many deletions and edits at one version win', async () => {
    for (let round = 0; round < 3; round += 1) {
      const product = await client.product(writer.token);
      const headers = { 'if-match': `"${product.version}"` };
      const edits = Array.from({ length: 4 }, (_, index) =>
        client.rest('PATCH', `/products/${product.id}`, {
          token: writer.token,
          headers,
          body: { name: `edit ${index}` },
        }),
      );
      const deletions = Array.from({ length: 4 }, () =>
        client.rest('DELETE', `/products/${product.id}`, { token: writer.token, headers }),
      );
      const statuses = (await Promise.all([...edits, ...deletions])).map(({ status }) => status);
      expect(statuses.filter((status) => status === 200 || status === 204)).toHaveLength(1);
      expect(statuses.every((status) => [200, 204, 404, 412].includes(status))).toBe(true);
    }
  });
});

describe('an idempotency key', () => {
  const CALLERS = 20;

  const owner = useAccount(client);
  const other = useAccount(client);

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

  const readProduct = async (id: string) => (await client.rest('GET', `/products/${id}`)).body;
  const callAtOnce = <T>(count: number, call: () => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: count }, call));

  async function productsNamed(name: string): Promise<number> {
    const { rowCount } = await inspect(system.adminUrl, (admin) =>
      admin.query('SELECT FROM products.products WHERE name = $1', [name]),
    );
    return rowCount ?? 0;
  }

  it(
    'creates one product in twenty calls at once, and all of them answer with it',
    async () => {
      for (const _ of rounds(2)) {
        const name = `Cup ${crypto.randomUUID()}`;
        const key = crypto.randomUUID();
        const replies = await callAtOnce(CALLERS, () => create(key, { ...CUP, name }));
        expect(replies.map(({ status }) => status)).toEqual(Array(CALLERS).fill(201));
        expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
        expect(await productsNamed(name)).toBe(1);
      }
    },
    timeLimitMs(60_000),
  );

  it(
    'changes the stock once in twenty calls at once, and all of them answer with the product',
    async () => {
      for (const _ of rounds(2)) {
        const { id } = await client.product(owner.token, { stock: 50 });
        const key = crypto.randomUUID();
        const outcomes = await callAtOnce(CALLERS, () => adjust(id, -3, key));
        expect(outcomes).toEqual(Array(CALLERS).fill({ __typename: 'Product', id, stock: 47, version: 2 }));
        expect(await readProduct(id)).toMatchObject({ stock: 47, version: 2 });
      }
    },
    timeLimitMs(60_000),
  );

  it('takes the last units once: a repeated call gets the first result, not OutOfStock', async () => {
    const { id } = await client.product(owner.token, { stock: 3 });
    const outcomes = await callAtOnce(8, () => adjust(id, -3, 'the last three'));
    expect(outcomes).toEqual(Array(8).fill({ __typename: 'Product', id, stock: 0, version: 2 }));
    expect(await adjust(id, -3, 'three more')).toMatchObject({ __typename: 'OutOfStock', available: 0 });
  });

  it('that was used gives the product in its present state, also after it has left the catalog', async () => {
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

  it('is refused with another input or for another operation', async () => {
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
    expect(await readProduct(id)).toMatchObject({ stock: 6, version: 2 });
  });

  it('belongs to its user, and is the same key in REST and GraphQL', async () => {
    const mine = await create('a common key');
    const theirs = await create('a common key', CUP, other);
    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect(theirs.body.id).not.toBe(mine.body.id);
    const input = { ...CUP, idempotencyKey: 'a common key' };
    const { data } = await client.graphql(CREATE, { input }, other.token);
    expect(data.createProduct).toEqual({ __typename: 'Product', id: String(theirs.body.id) });
  });

  it('of a product is forgotten after 90 days', async () => {
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

  it('of an order is forgotten after 90 days', async () => {
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
      await admin.query(
        "UPDATE orders.idempotency_keys SET created_at = now() - interval '91 days' WHERE key = 'an order of long ago'",
      );
      await eventually(
        () => admin.query("SELECT FROM orders.idempotency_keys WHERE key = 'an order of long ago'"),
        ({ rowCount }) => rowCount === 0,
      );
    });
    const second = await order();
    expect(second.status).toBe(201);
    expect(second.body.id).not.toBe(first.body.id);
  });

  it('that is empty, too long or not ASCII is refused by the name of its field', async () => {
    for (const idempotencyKey of ['', 'x'.repeat(256), 'schlüssel']) {
      const { data } = await client.graphql(CREATE, { input: { ...CUP, idempotencyKey } }, owner.token);
      expect(data.createProduct.errors).toEqual([{ field: 'idempotencyKey' }]);
    }
  });
});

describe('orders', () => {
  let buyers: Account[];
  const staff = useStaff(system, client);

  beforeAll(async () => {
    buyers = await Promise.all(Array.from({ length: 4 }, () => client.account()));
  });

  const buyer = (index: number): Account => {
    const account = buyers[index % buyers.length];
    if (!account) throw new Error('there are no buyers');
    return account;
  };

  const readStock = async (productId: string): Promise<number> =>
    (await client.rest('GET', `/products/${productId}`)).body.stock;

  it(
    'sell exactly the ten units in stock to forty buyers',
    async () => {
      for (const _ of rounds(2)) {
        const product = await client.product(buyer(0).token, { stock: 10 });
        const replies = await Promise.all(
          Array.from({ length: 40 }, (_, index) =>
            client.rest('POST', '/orders', {
              token: buyer(index).token,
              body: { product_id: product.id, quantity: 1 },
              headers: { prefer: 'wait=10' },
            }),
          ),
        );
        const statuses = replies.map(({ status }) => status);
        expect(statuses.filter((status) => status === 201)).toHaveLength(10);
        expect(statuses.filter((status) => status === 409)).toHaveLength(30);
        expect(await readStock(product.id)).toBe(0);
      }
    },
    timeLimitMs(120_000),
  );

  it('are one order when twenty requests carry one key, and all of them answer with it', async () => {
    for (let round = 0; round < 2; round += 1) {
      const product = await client.product(buyer(0).token, { stock: 50 });
      const key = crypto.randomUUID();
      const replies = await Promise.all(
        Array.from({ length: 20 }, () =>
          client.rest('POST', '/orders', {
            token: buyer(1).token,
            body: { product_id: product.id, quantity: 2 },
            headers: { 'idempotency-key': key, prefer: 'wait=10' },
          }),
        ),
      );
      expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 201));
      expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
      expect(await readStock(product.id)).toBe(48);
    }
  });

  it('with a used key and another input are refused, and each user has keys of their own', async () => {
    const product = await client.product(buyer(0).token, { stock: 50 });
    const order = (account: Account, quantity: number) =>
      client.rest('POST', '/orders', {
        token: account.token,
        body: { product_id: product.id, quantity },
        headers: { 'idempotency-key': 'the same for all' },
      });
    const first = await order(buyer(0), 1);
    expect(first.status).toBe(201);
    const reused = await order(buyer(0), 2);
    expect(reused.status).toBe(422);
    expect(reused.body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    const other = await order(buyer(1), 2);
    expect(other.status).toBe(201);
    expect(other.body.id).not.toBe(first.body.id);
    expect(await readStock(product.id)).toBe(47);
  });

  it('give their units back once when eight cancellations race', async () => {
    for (let round = 0; round < 2; round += 1) {
      const product = await client.product(buyer(0).token, { stock: 5 });
      const placed = await client.rest('POST', '/orders', {
        token: buyer(2).token,
        body: { product_id: product.id, quantity: 3 },
      });
      expect(placed.status).toBe(201);
      const headers = { 'if-match': `"${placed.body.version}"` };
      const cancellations = await Promise.all(
        Array.from({ length: 8 }, () =>
          client.rest('POST', `/orders/${placed.body.id}/cancel`, { token: buyer(2).token, headers }),
        ),
      );
      const statuses = cancellations.map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect(statuses.filter((status) => status === 412)).toHaveLength(7);
      await eventually(
        () => readStock(product.id),
        (stock) => stock === 5,
      );
    }
  });

  it('are cancelled by their owner or shipped by staff, never both, and only a cancellation gives units back', async () => {
    const ROUNDS = 5;
    for (let round = 0; round < ROUNDS; round += 1) {
      const product = await client.product(buyer(0).token, { stock: 5 });
      const placed = await client.rest('POST', '/orders', {
        token: buyer(1).token,
        body: { product_id: product.id, quantity: 3 },
      });
      expect(placed.status).toBe(201);
      const headers = { 'if-match': `"${placed.body.version}"` };
      const path = `/orders/${placed.body.id}`;
      const body = { status: 'SHIPPED' };
      const calls = [
        () => client.rest('POST', `${path}/advance`, { token: staff.token, headers, body }),
        () => client.rest('POST', `${path}/cancel`, { token: buyer(1).token, headers }),
      ];
      // In the first two rounds one side is known to win, so that both ends are tried. Then all calls race.
      const first = round < 2 ? [await calls[round]?.()] : [];
      const raced = await Promise.all(
        Array.from({ length: 8 - first.length }, (_, index) => calls[(index + round) % 2]?.()),
      );
      const replies = [...first, ...raced];
      expect(replies.map((reply) => reply?.status).sort()).toEqual([200, ...Array(7).fill(412)]);
      const { status } = replies.find((reply) => reply?.status === 200)?.body ?? {};
      const [order] = await expectInvariants(system.adminUrl, new Map([[product.id, 5]]));
      expect(order).toMatchObject({ status, statuses: ['PENDING', 'CONFIRMED', status] });
      expect(await readStock(product.id)).toBe(status === 'CANCELLED' ? 5 : 2);
    }
  }, 60_000);

  it('and relative stock changes are never lost, and the stock is never below zero', async () => {
    const product = await client.product(buyer(0).token, { stock: 20 });
    const ADJUST = `mutation($id: ID!, $delta: Int!) { adjustStock(id: $id, delta: $delta) {
      __typename ... on Product { stock } ... on OutOfStock { available } } }`;
    const deltas = Array.from({ length: 60 }, (_, index) => (index % 3 === 0 ? 2 : -3));
    const outcomes = await Promise.all(
      deltas.map(async (delta) => {
        const { data } = await client.graphql(ADJUST, { id: product.id, delta }, buyer(0).token);
        return { delta, applied: data.adjustStock.__typename === 'Product' };
      }),
    );
    const applied = outcomes.filter((outcome) => outcome.applied).reduce((sum, { delta }) => sum + delta, 0);
    expect(await readStock(product.id)).toBe(20 + applied);
    expect(outcomes.some((outcome) => !outcome.applied)).toBe(true);
  });

  it('keep the price of the moment of ordering when the price changes later', async () => {
    const product = await client.product(buyer(0).token, { price: 10.1, stock: 9 });
    const placed = await client.rest('POST', '/orders', {
      token: buyer(3).token,
      body: { product_id: product.id, quantity: 3 },
    });
    expect(placed.body).toMatchObject({ unit_price: 10.1, total_price: 30.3, status: 'CONFIRMED' });
    await client.rest('PATCH', `/products/${product.id}`, {
      token: buyer(0).token,
      headers: { 'if-match': '*' },
      body: { price: '99.00' },
    });
    const later = await client.rest('GET', `/orders/${placed.body.id}`, { token: buyer(3).token });
    expect(later.body).toMatchObject({ unit_price: 10.1, total_price: 30.3 });
  });
});
