// The REST contract: products, conditional writes (RFC 9110, 13), and writes of a representation that GET returned. The client also
// checks every reply against /openapi.json.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, uniqueName } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { inspect } from '../support/invariants.ts';
import { expectProblem, fieldsOf } from '../support/problems.ts';
import { useShop } from '../support/shop.ts';

const { system, client, account } = useShop();

describe('products', () => {
  it('POST /products creates a product, with Location and ETag, and accepts a price as a number or a string', async () => {
    for (const price of [12.5, '12.50']) {
      const reply = await client.rest('POST', '/products', {
        token: account.token,
        body: { name: 'Teapot', description: 'Holds tea.', price, stock: 3 },
      });
      expect(reply.status).toBe(201);
      expect(reply.headers.get('location')).toBe(`/products/${reply.body.id}`);
      expect(reply.headers.get('etag')).toBe('"1"');
      expect(reply.body).toMatchObject({
        name: 'Teapot',
        description: 'Holds tea.',
        price: 12.5,
        stock: 3,
        version: 1,
      });
    }
  });

  it('POST /products names each invalid field', async () => {
    const reply = await client.rest('POST', '/products', {
      token: account.token,
      body: { name: '', description: null, price: -1, stock: -1 },
    });
    expect(reply.status).toBe(400);
    expect(fieldsOf(reply.body)).toEqual(['name', 'price', 'stock']);
    const cents = await client.rest('POST', '/products', {
      token: account.token,
      body: { name: 'x', price: 1.999, stock: 1 },
    });
    expect(cents.status).toBe(400);
    expect(fieldsOf(cents.body)).toEqual(['price']);
    expect(cents.text).toContain('1.999');
  });

  it('GET /products/{id} answers 304 to its own ETag, and 404 to an unknown id', async () => {
    const product = await client.product(account.token);
    const first = await client.rest('GET', `/products/${product.id}`);
    expect(first.headers.get('etag')).toBe('"1"');
    for (const tag of ['"1"', 'W/"1"', '"9", "1"', '*']) {
      const again = await client.rest('GET', `/products/${product.id}`, {
        headers: { 'if-none-match': tag },
      });
      expect(again.status).toBe(304);
      expect(again.headers.get('etag')).toBe('"1"');
    }
    expect(
      (await client.rest('GET', `/products/${product.id}`, { headers: { 'if-none-match': '"2"' } })).status,
    ).toBe(200);
    for (const id of [UNKNOWN_ID, 'not-an-id', '01'])
      expectProblem(await client.rest('GET', `/products/${id}`), 404, 'PRODUCT_NOT_FOUND');
  });

  it('GET /products lists every product once by Link, in any order', async () => {
    const mark = uniqueName('paged').replaceAll('-', '');
    const made: number[] = [];
    for (let index = 0; index < 7; index += 1) {
      const fields = { name: `${mark} ${index % 3}`, price: 5 + (index % 3) };
      made.push(Number((await client.product(account.token, fields)).id));
    }
    for (const sort of ['newest', 'oldest', 'price_asc', 'price_desc', 'name_asc']) {
      const seen: { id: number; price: number }[] = [];
      let next: string | undefined = `/products?limit=3&search=${mark}&sort=${sort}`;
      while (next !== undefined) {
        const page = await client.rest('GET', next);
        expect(page.body.length).toBeLessThanOrEqual(3);
        seen.push(...page.body);
        next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1]?.replace(system.url, '');
      }
      expect(seen.map(({ id }) => id).sort()).toEqual([...made].sort());
      const prices = seen.map(({ price }) => price);
      if (sort === 'price_asc') expect(prices).toEqual([...prices].sort((a, b) => a - b));
      if (sort === 'price_desc') expect(prices).toEqual([...prices].sort((a, b) => b - a));
      if (sort === 'newest') expect(seen.map(({ id }) => id)).toEqual([...made].reverse());
    }
  });

  it('GET /products refuses invalid parameters', async () => {
    for (const query of [
      'limit=0',
      'limit=101',
      'limit=x',
      'cursor=nonsense',
      'sort=sideways',
      'colour=red',
      'min_price=cheap',
    ]) {
      const reply = await client.rest('GET', `/products?${query}`);
      expect({ query, status: reply.status }).toEqual({ query, status: 400 });
      expect(reply.body.errors[0].field).toBe(query.split('=')[0]);
    }
  });

  it('PUT /products/{id} replaces, by If-Match or by version', async () => {
    const { id } = await client.product(account.token);
    const body = { name: 'New', description: 'Newer', price: 1, stock: 2 };
    const byTag = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
      body,
    });
    expect(byTag.status).toBe(200);
    expect(byTag.headers.get('etag')).toBe('"2"');
    expect(byTag.body).toMatchObject({ ...body, version: 2 });
    const byVersion = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      body: { ...body, version: 2 },
    });
    expect(byVersion.body.version).toBe(3);

    const staleVersion = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      body: { ...body, version: 2 },
    });
    expectProblem(staleVersion, 409, 'VERSION_CONFLICT');
    const staleTag = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
      body,
    });
    expectProblem(staleTag, 412, 'PRECONDITION_FAILED');
    for (const stale of [staleVersion, staleTag]) {
      expect(stale.headers.get('etag')).toBe('"3"');
      expect(stale.body.current_version).toBe(3);
    }
    expect(
      (
        await client.rest('PUT', `/products/${id}`, {
          token: account.token,
          headers: { 'if-match': 'W/"3"' },
          body,
        })
      ).status,
    ).toBe(412);
    expectProblem(
      await client.rest('PUT', `/products/${id}`, { token: account.token, body }),
      428,
      'PRECONDITION_REQUIRED',
    );
    const partial = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '"3"' },
      body: { name: 'x' },
    });
    expect(partial.status).toBe(400);
    const missing = await client.rest('PUT', `/products/${UNKNOWN_ID}`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
      body,
    });
    expectProblem(missing, 404, 'PRODUCT_NOT_FOUND');
  });

  it('PUT accepts the representation that GET returned', async () => {
    const { id } = await client.product(account.token);
    const { body } = await client.rest('GET', `/products/${id}`);
    const reply = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      body: { ...body, price: 3.5 },
    });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({ price: 3.5, version: 2 });
  });

  it('a change of a price is a security event with both prices; other changes are not', async () => {
    const { id } = await client.product(account.token, { price: 10 });
    const patch = (body: unknown) =>
      client.rest('PATCH', `/products/${id}`, {
        token: account.token,
        headers: { 'if-match': '*', 'x-request-id': `price-of-${id}` },
        body,
      });
    for (const body of [{ stock: 7 }, { price: 10 }, { price: 8.5 }, { name: 'Kettle', price: '8.50' }])
      expect((await patch(body)).status).toBe(200);
    const events = await eventually(
      async () =>
        system
          .logs()
          .filter((line) => line.includes('"price.changed"') && line.includes(`"product ${id}"`))
          .map((line) => JSON.parse(line)),
      (found) => found.length > 0,
    );
    expect(events).toMatchObject([
      {
        actor: `user ${account.id}`,
        actorRole: 'CUSTOMER',
        address: '127.0.0.1',
        requestId: `price-of-${id}`,
        details: { from: '10.00', to: '8.50', version: 4 },
      },
    ]);
  });

  it('PATCH /products/{id} changes only the given members', async () => {
    const { id } = await client.product(account.token, { name: 'Before' });
    const reply = await client.rest('PATCH', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
      body: { description: null },
    });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({ name: 'Before', description: null, version: 2 });
    expect(
      (await client.rest('PATCH', `/products/${id}`, { token: account.token, body: { name: 'x' } })).status,
    ).toBe(428);
    const any = await client.rest('PATCH', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '*' },
      body: { name: 'Any' },
    });
    expect(any.body).toMatchObject({ name: 'Any', version: 3 });
  });

  it('DELETE /products/{id} removes it from the catalog; its orders still show it', async () => {
    const { id } = await client.product(account.token, { name: 'Short-lived' });
    const order = await client.rest('POST', '/orders', {
      token: account.token,
      body: { product_id: id, quantity: 1 },
    });
    expect(
      (
        await client.rest('DELETE', `/products/${id}`, {
          token: account.token,
          headers: { 'if-match': '"1"' },
        })
      ).status,
    ).toBe(412);
    expect((await client.rest('DELETE', `/products/${id}`, { token: account.token })).status).toBe(204);
    expect((await client.rest('GET', `/products/${id}`)).status).toBe(404);
    expect((await client.rest('DELETE', `/products/${id}`, { token: account.token })).status).toBe(404);
    const again = await client.rest('POST', '/orders', {
      token: account.token,
      body: { product_id: id, quantity: 1 },
    });
    expectProblem(again, 404, 'PRODUCT_NOT_FOUND');
    const { data } = await client.graphql(
      `{ order(id: "${order.body.id}") { product { id name } } }`,
      {},
      account.token,
    );
    expect(data.order.product).toEqual({ id, name: 'Short-lived' });
  });
});

describe('conditions', () => {
  const FIELDS = { name: 'New', description: null, price: 1, stock: 2 };

  let path: string;
  let id: string;

  beforeEach(async () => {
    ({ id } = await client.product(account.token, { name: 'Old' }));
    path = `/products/${id}`;
  });

  const send = (method: string, to: string, headers: Record<string, string>, body?: unknown) =>
    client.rest(method, to, { token: account.token, headers, body });
  const shown = async () => (await client.rest('GET', path)).body;

  describe('If-Match on a write', () => {
    it('refuses a stale tag with 412 and a stale version in the body with 409, and gives the current version', async () => {
      await send('PATCH', path, { 'if-match': '"1"' }, { stock: 1 });
      const before = await shown();
      const atVersion1 = { ...FIELDS, version: 1 };
      const refused: [ifMatch: string | undefined, body: object, status: number][] = [
        ['"1"', FIELDS, 412],
        ['W/"2"', FIELDS, 412],
        ['"x"', FIELDS, 412],
        ['"1", "9"', FIELDS, 412],
        ['"1"', atVersion1, 412],
        [undefined, atVersion1, 409],
        ['*', atVersion1, 409],
        ['"2", "1"', atVersion1, 409],
      ];
      for (const [ifMatch, body, status] of refused) {
        const reply = await send('PUT', path, ifMatch === undefined ? {} : { 'if-match': ifMatch }, body);
        expectProblem(reply, status, status === 412 ? 'PRECONDITION_FAILED' : 'VERSION_CONFLICT');
        expect([reply.headers.get('etag'), reply.body.current_version]).toEqual(['"2"', 2]);
      }
      expect(await shown()).toEqual(before);
    });

    it('is 400 when the field is malformed, or names another version than the body does', async () => {
      const malformed = await send('PUT', path, { 'if-match': '1' }, FIELDS);
      const contradicting = await send('PUT', path, { 'if-match': '"1"' }, { ...FIELDS, version: 2 });
      for (const [reply, field] of [
        [malformed, 'If-Match'],
        [contradicting, 'version'],
      ] as const) {
        expectProblem(reply, 400, 'INVALID_INPUT');
        expect(reply.body.errors[0].field).toBe(field);
      }
    });

    it('accepts any tag of a list, and a merge patch', async () => {
      expect((await send('PUT', path, { 'if-match': '"8", "1"' }, FIELDS)).body.version).toBe(2);
      const type = { 'content-type': 'application/merge-patch+json' };
      const patched = await send('PATCH', path, { ...type, 'if-match': '"2"' }, { stock: 7 });
      expect(patched.body).toMatchObject({ ...FIELDS, stock: 7, version: 3 });
    });

    it('with the star succeeds for each of eight writers at once, and each write counts', async () => {
      const writes = Array.from({ length: 8 }, (_, index) =>
        send('PATCH', path, { 'if-match': '*' }, { name: `Writer ${index}` }),
      );
      const replies = await Promise.all(writes);
      expect(replies.map(({ status }) => status)).toEqual(Array(8).fill(200));
      const versions = replies.map(({ body }) => body.version).sort((one, other) => one - other);
      expect(versions).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
      expect((await shown()).version).toBe(9);
    });
  });

  describe('If-None-Match on a write', () => {
    // The product is at version 2.
    const REFUSED: [ifNoneMatch: string, ifMatch: string | undefined, version: number | undefined, number][] =
      [
        ['*', undefined, undefined, 412],
        ['*', '"2"', undefined, 412],
        ['*', '*', undefined, 412],
        ['*', '"1"', undefined, 412],
        ['*', undefined, 2, 412],
        ['*', undefined, 1, 412],
        ['"2"', '*', undefined, 412],
        ['W/"2"', '"2"', undefined, 412],
        ['"1", "2"', undefined, undefined, 412],
        ['"1"', undefined, undefined, 428],
        ['"1"', '"1"', undefined, 412],
        ['"1"', undefined, 1, 409],
        ['2', '"2"', undefined, 400],
      ];

    it('refuses a write of the version that it names, before all other conditions', async () => {
      await send('PATCH', path, { 'if-match': '"1"' }, { stock: 1 });
      const before = await shown();
      for (const [ifNoneMatch, ifMatch, version, status] of REFUSED) {
        const headers = { 'if-none-match': ifNoneMatch, ...(ifMatch && { 'if-match': ifMatch }) };
        const reply = await send('PUT', path, headers, { ...FIELDS, ...(version && { version }) });
        expect({ ...headers, version, status: reply.status }).toEqual({ ...headers, version, status });
        if (status !== 412) continue;
        expectProblem(reply, 412, 'PRECONDITION_FAILED');
        expect([reply.headers.get('etag'), reply.body.current_version]).toEqual(['"2"', 2]);
      }
      for (const tags of ['*', '"2"']) {
        const headers = { 'if-match': '*', 'if-none-match': tags };
        expectProblem(await send('PATCH', path, headers, { name: 'New' }), 412, 'PRECONDITION_FAILED');
        const onlyNone = { 'if-none-match': tags };
        expectProblem(await send('DELETE', path, onlyNone), 412, 'PRECONDITION_FAILED');
      }
      expect(await shown()).toEqual(before);
    });

    it('allows a write when it names other versions only, and is 404 where the product does not exist', async () => {
      const reply = await send('PUT', path, { 'if-match': '"1"', 'if-none-match': '"9", "x"' }, FIELDS);
      expect([reply.status, reply.body.version]).toEqual([200, 2]);
      expect((await send('DELETE', path, { 'if-none-match': '"1"' })).status).toBe(204);
      const missing = await send('PUT', `/products/${UNKNOWN_ID}`, { 'if-none-match': '*' }, FIELDS);
      expectProblem(missing, 404, 'PRODUCT_NOT_FOUND');
    });

    it('refuses a step of an order too', async () => {
      const { body: order } = await send('POST', '/orders', {}, { product_id: id, quantity: 1 });
      const cancel = (tags: string) =>
        send('POST', `/orders/${order.id}/cancel`, { 'if-match': '*', 'if-none-match': tags });
      expectProblem(await cancel('*'), 412, 'PRECONDITION_FAILED');
      expectProblem(await cancel(`"${order.version}"`), 412, 'PRECONDITION_FAILED');
      expect((await cancel('"99"')).body.status).toBe('CANCELLED');
    });
  });

  describe('a change of no field', () => {
    const UPDATE = `mutation($id: ID!, $v: Int!, $exact: Boolean) {
    updateProduct(id: $id, expectedVersion: $v, input: {}, exact: $exact) { __typename
      ... on Product { version updatedAt } ... on VersionConflict { currentVersion } } }`;
    const update = async (v: number, exact = false, of = id) =>
      (await client.graphql(UPDATE, { id: of, v, exact }, account.token)).data.updateProduct;

    it('is 200 and leaves the product as it was, with its version and the time of its last change', async () => {
      const before = await shown();
      for (const body of [{}, { version: 1 }, { id, created_at: before.created_at }])
        for (const tag of ['"1"', '*']) {
          const reply = await send('PATCH', path, { 'if-match': tag }, body);
          expect([reply.status, reply.headers.get('etag'), reply.body]).toEqual([200, '"1"', before]);
        }
      expect(await update(1)).toEqual({ __typename: 'Product', version: 1, updatedAt: before.updated_at });
      expect(await shown()).toEqual(before);
    });

    it('is refused when the version is stale or the product does not exist', async () => {
      await send('PATCH', path, { 'if-match': '"1"' }, { name: 'New' });
      expectProblem(await send('PATCH', path, { 'if-match': '"1"' }, {}), 412, 'PRECONDITION_FAILED');
      expectProblem(await send('PATCH', path, {}, {}), 428, 'PRECONDITION_REQUIRED');
      expect(await update(1)).toEqual({ __typename: 'VersionConflict', currentVersion: 2 });
      expectProblem(
        await send('PATCH', `/products/${UNKNOWN_ID}`, { 'if-match': '*' }, {}),
        404,
        'PRODUCT_NOT_FOUND',
      );
      expect((await update(1, false, UNKNOWN_ID)).__typename).toBe('ProductNotFound');
      await send('DELETE', path, {});
      expect((await send('PATCH', path, { 'if-match': '*' }, {})).status).toBe(404);
      const anonymous = await client.rest('PATCH', path, { headers: { 'if-match': '*' }, body: {} });
      expect(anonymous.status).toBe(401);
    });

    it('conflicts with a sale in the meantime only when the caller sets `exact`', async () => {
      await send('POST', '/orders', {}, { product_id: id, quantity: 1 });
      const { version } = await shown();
      expect(version).toBe(2);
      expect(await update(1)).toMatchObject({ __typename: 'Product', version: 2 });
      expect(await update(1, true)).toEqual({ __typename: 'VersionConflict', currentVersion: 2 });
    });
  });
});

describe('a representation that GET returned', () => {
  const LIMIT = 1_000_000_000;

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
    it('can be written back unchanged, patched and reduced, but not raised', async () => {
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

    it('keeps its version when a change sets the same stock', async () => {
      const id = await overfilled(2);
      const { version } = (await read(id)).body;
      const patched = await write('PATCH', id, { stock: LIMIT + 2 });
      expect(patched.status).toBe(200);
      expect(patched.body).toMatchObject({ stock: LIMIT + 2, version });
    });

    it('is not changed by a stale PUT', async () => {
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

  describe('values that are older than a stricter rule', () => {
    it.each([
      ['a name of blanks', { name: '   ' }],
      ['a description with a control character', { description: 'bell: \u0007' }],
    ])('are accepted again: %s', async (_, old) => {
      const { id } = await client.product(account.token);
      const [[column, value] = ['', '']] = Object.entries(old);
      await inspect(system.adminUrl, (admin) =>
        admin.query(`UPDATE products.products SET ${column} = $2, version = version + 1 WHERE id = $1`, [
          id,
          value,
        ]),
      );
      // The service does not know of this write, so its cache is stale until the next write through the service.
      await adjust(id, 1);
      const { body } = await read(id);
      expect(body).toMatchObject(old);
      const put = await write('PUT', id, { ...body, price: 7 });
      expect(put.status).toBe(200);
      expect(put.body).toMatchObject({ ...old, price: 7 });
      expect((await write('PUT', id, { ...put.body, [column]: `${value}${value}` })).status).toBe(400);
    });
  });
});
