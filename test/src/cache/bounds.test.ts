// Writers that the cache hears nothing of any more: one that cannot reach Redis, and one that is killed between its commit
// and its word to Redis. `far` reaches Redis by a way on which nothing arrives for a while.
import { setTimeout as sleep } from 'node:timers/promises';
import { FENCE_MS } from '@holdfast/products/data/cache/store';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Account, Client, eventually } from '../support/client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type StallingProxy, startStallingProxy } from '../support/stalling-proxy.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { type AnotherInstance, type System, startSystem } from '../support/system.ts';

/** Longer than a write takes on a busy machine that waits a second for Redis before its commit, and a second after it. */
const TTL_S = 10;
const READ = `query($id: ID!, $mark: String) { product(id: $id) { version }
  products(filter: { search: $mark }) { edges { node { version } } } }`;
const PATCH = `mutation($id: ID!) { updateProduct(id: $id, expectedVersion: 1, input: { price: "12.00" }) {
  ... on Product { version } } }`;

let redis: RedisServer;
let proxy: StallingProxy;
let system: System;
let far: AnotherInstance;
let near: string[];
let client: Client;
let account: Account;
let admin: pg.Client;

beforeAll(async () => {
  redis = await startRedis();
  proxy = await startStallingProxy(redis.url);
  system = await startSystem({ env: { REDIS_URL: redis.url, CACHE_TTL_S: String(TTL_S) } });
  const second = await system.another('products');
  far = await system.another('products', { CACHE_REDIS_URL: proxy.url });
  near = [system.subgraphUrl('products'), `${second.url}/graphql`];
  client = await Client.of(system.url);
  account = await client.account();
  admin = new pg.Client({ connectionString: system.adminUrl });
  await admin.connect();
}, 120_000);
afterEach(() => proxy.resume());
afterAll(async () => {
  await admin?.end();
  await system?.stop();
  await proxy?.close();
  await redis?.stop();
});

const ask = async (url: string, query: string, variables: object) =>
  (await askSubgraph(system, 'products', { url, query, variables, token: account.token })).data;

interface Item {
  readonly id: string;
  readonly mark: string;
}

async function stockUp(): Promise<Item> {
  const mark = `mark${crypto.randomUUID().replaceAll('-', '')}`;
  const { id } = await client.product(account.token, { name: mark });
  return { id, mark };
}

/** The versions that look-ups and lists show on the instances that reach Redis. */
async function shown(item: Item): Promise<number[]> {
  const replies = await Promise.all(near.map((url) => ask(url, READ, item)));
  return replies.flatMap(({ product, products }) => [product.version, products.edges[0].node.version]);
}

const BEFORE = [1, 1, 1, 1];
const AFTER = [2, 2, 2, 2];
const patch = (item: Item) => ask(`${far.url}/graphql`, PATCH, item);

describe('a writer that cannot reach Redis', () => {
  it(`leaves older versions behind for ${TTL_S} s at most`, async () => {
    const item = await stockUp();
    expect(await shown(item)).toEqual(BEFORE);
    proxy.stall(true);
    expect((await patch(item)).updateProduct.version).toBe(2);
    const committedBy = performance.now();
    // What is kept of before is shown on: without this the test would show nothing.
    expect(await shown(item)).toEqual(BEFORE);
    await sleep(committedBy + TTL_S * 1_000 - performance.now());
    expect(await shown(item)).toEqual(AFTER);
    // Now its fence arrives, late.
    proxy.resume();
    for (let count = 0; count < 20; count += 1) {
      expect(await shown(item)).toEqual(AFTER);
      await sleep(50);
    }
  }, 60_000);
});

describe('a writer that is killed between its commit and its word to Redis', () => {
  it('leaves no older version behind', async () => {
    const item = await stockUp();
    await eventually(
      async () => (await fetch(far.opsUrl('/metrics'))).text(),
      (metrics) => /^redis_up 1$/m.test(metrics),
    );
    await admin.query('BEGIN');
    await admin.query('SELECT FROM products.products WHERE id = $1 FOR UPDATE', [item.id]);
    const given = patch(item).catch(() => undefined);
    await eventually(
      () =>
        admin.query(
          `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE products.products%'`,
        ),
      ({ rowCount }) => rowCount === 1,
    );
    expect(await shown(item)).toEqual(BEFORE);
    proxy.stall(true);
    await admin.query('COMMIT');
    await eventually(
      async () =>
        (await admin.query('SELECT version FROM products.products WHERE id = $1', [item.id])).rows[0],
      ({ version }) => version === 2,
    );
    await far.kill();
    await given;
    const until = Date.now() + FENCE_MS + 2_000;
    while (Date.now() < until) {
      expect(await shown(item)).toEqual(AFTER);
      await sleep(20);
    }
  }, 120_000);
});
