// The REST contract: the catalog. The client holds every reply to /openapi.json besides.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually, uniqueName } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { expectProblem, fieldsOf } from '../support/problems.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let client: Client;
let account: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
});

describe('products', () => {
  it('POST /products makes one, with Location and ETag, price as number or string', async () => {
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

  it('POST /products refuses bad input field by field', async () => {
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

  it('GET /products/{id} answers 304 to the ETag that it gave, 404 to what is not there', async () => {
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

  it('GET /products goes through all of them by Link, in any order, each once', async () => {
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

  it('GET /products refuses what it does not understand', async () => {
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

  it('PUT takes back the representation that GET gave', async () => {
    const { id } = await client.product(account.token);
    const { body } = await client.rest('GET', `/products/${id}`);
    const reply = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      body: { ...body, price: 3.5 },
    });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({ price: 3.5, version: 2 });
  });

  it('a change of a price is a security event, with both prices; a change of anything else is none', async () => {
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

  it('PATCH /products/{id} changes what it names', async () => {
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

  it('DELETE /products/{id} takes it out of sight; its orders still show it', async () => {
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
