// The price of an order comes from PostgreSQL, also when a cache has another one.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { Client } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type System, startSystem } from '../support/system.ts';

const PRICE = 10;
const CACHED = 1.25;

/** Takes another price into a product's cached row. */
async function forge(url: string, id: string): Promise<void> {
  const redis = createClient({ url });
  await redis.connect();
  try {
    const [key] = await redis.keys(`catalog:*:product:${id}`);
    const row = key === undefined ? null : await redis.get(key);
    if (key === undefined || row === null) throw new Error(`product ${id} is not cached`);
    await redis.set(key, row.replace('"price":"10.00"', '"price":"1.25"'));
  } finally {
    redis.destroy();
  }
}

/** Changes the price in the database without a word to the service, whose cache so has the old one. */
const reprice = (system: System, id: string) =>
  inspect(system.adminUrl, (admin) =>
    admin.query('UPDATE products.products SET price = $2 WHERE id = $1', [id, PRICE]),
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

  it('an order has the price that stands in PostgreSQL, though readers are shown another', async () => {
    const { token } = await client.account();
    const { id } = await client.product(token, { price: redis ? PRICE : CACHED });
    if (redis) await forge(redis.url, id);
    else await reprice(system, id);
    expect((await client.rest('GET', `/products/${id}`)).body.price).toBe(CACHED);
    const order = await client.rest('POST', '/orders', { token, body: { product_id: id, quantity: 3 } });
    expect(order.status).toBe(201);
    expect(order.body).toMatchObject({ unit_price: PRICE, total_price: 3 * PRICE });
  });
});
