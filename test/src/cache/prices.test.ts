// The price and the stock that an order is decided by are PostgreSQL's, also when a cache has others.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { Client } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type System, startSystem } from '../support/system.ts';

const PRICE = 25_000;
const STOCK = 5;
const CACHED = { price: 0.01, stock: 1_000_000 };

/** Puts a lower price and more stock into a product's cached row. */
async function forge(url: string, id: string): Promise<void> {
  const redis = createClient({ url });
  await redis.connect();
  try {
    const [key] = await redis.keys(`catalog:*:product:${id}`);
    const row = key === undefined ? null : await redis.get(key);
    if (key === undefined || row === null) throw new Error(`product ${id} is not cached`);
    const forged = row
      .replace('"price":"25000.00"', '"price":"0.01"')
      .replace('"stock":5', '"stock":1000000');
    await redis.set(key, forged);
  } finally {
    redis.destroy();
  }
}

/** Changes the row in the database without a word to the service, whose cache so has the old one. */
const changeUnseen = (system: System, id: string) =>
  inspect(system.adminUrl, (admin) =>
    admin.query('UPDATE products.products SET price = $2, stock = $3 WHERE id = $1', [id, PRICE, STOCK]),
  );

describe.each(['Redis', 'the process'])('with the cache in %s', (place) => {
  let redis: RedisServer | undefined;
  let system: System;
  let client: Client;

  beforeAll(async () => {
    redis = place === 'Redis' ? await startRedis() : undefined;
    system = await startSystem({ env: redis ? { REDIS_URL: redis.url } : {} });
    client = await Client.of(system.url);
  }, 60_000);
  afterAll(async () => {
    await system?.stop();
    await redis?.stop();
  });

  /** Orders of a product that readers are shown with the price and the stock of a cache, and PostgreSQL has another. */
  async function orderForged(quantity: number) {
    const { token } = await client.account();
    const { id } = await client.product(token, redis ? { price: PRICE, stock: STOCK } : CACHED);
    if (redis) await forge(redis.url, id);
    else await changeUnseen(system, id);
    expect((await client.rest('GET', `/products/${id}`)).body).toMatchObject(CACHED);
    return client.rest('POST', '/orders', { token, body: { product_id: id, quantity } });
  }

  it('an order has the price that stands in PostgreSQL', async () => {
    const order = await orderForged(3);
    expect(order.status).toBe(201);
    expect(order.body).toMatchObject({ unit_price: PRICE, total_price: 3 * PRICE });
  });

  it('an order is refused when PostgreSQL has too few units', async () => {
    const order = await orderForged(STOCK + 1);
    expect(order.status).toBe(409);
    expect(order.body.code).toBe('OUT_OF_STOCK');
  });
});
