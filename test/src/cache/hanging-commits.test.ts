// A price whose commit hangs for longer than a fence of the cache lasts, and is committed later: with the process that
// wrote it alive, and killed meanwhile. Then entries from before are shown until their time to live is over.
import { setTimeout as sleep } from 'node:timers/promises';
import { FENCE_MS } from '@holdfast/products/data/cache/store';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { hangCommits, releaseCommits, sessions } from '../support/commits.ts';
import { inspect } from '../support/invariants.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { type AnotherInstance, type System, startSystem } from '../support/system.ts';

const BEFORE = '10.00';
const AFTER = '12.00';
const TTL_S = 3;
const READ = 'query($id: ID!) { product(id: $id) { price version } }';
const PAGE = 'query($mark: String) { products(filter: { search: $mark }) { edges { node { id price } } } }';
const PATCH = `mutation($id: ID!) { updateProduct(id: $id, expectedVersion: 1, input: { price: "${AFTER}" }) {
  __typename } }`;

let redis: RedisServer;
let system: System;
let doomed: AnotherInstance;
let urls: string[];
let client: Client;
let account: Account;

beforeAll(async () => {
  redis = await startRedis();
  system = await startSystem({
    ownPostgres: true,
    env: { REDIS_URL: redis.url, CACHE_TTL_S: String(TTL_S) },
  });
  const second = await system.another('products');
  doomed = await system.another('products');
  urls = [system.subgraphUrl('products'), `${second.url}/graphql`];
  client = await Client.of(system.url);
  account = await client.account();
}, 180_000);
afterAll(async () => {
  await system?.stop();
  await redis?.stop();
});

const ask = async (url: string, query: string, variables: object) =>
  (await askSubgraph(system, 'products', { url, query, variables, token: account.token })).data;

/** The prices of the products as look-ups by id show them, on both of the instances that live. */
async function lookedUp(ids: readonly string[]): Promise<string[]> {
  const replies = await Promise.all(urls.flatMap((url) => ids.map((id) => ask(url, READ, { id }))));
  return replies.map(({ product }) => product.price);
}

/** As PostgreSQL has them. */
const prices = (ids: readonly string[]): Promise<string[]> =>
  inspect(system.adminUrl, async (admin) => {
    const { rows } = await admin.query('SELECT price FROM products.products WHERE id = ANY ($1)', [ids]);
    return rows.map(({ price }) => price);
  });

async function listed(mark: string): Promise<string[]> {
  const pages = await Promise.all(urls.map((url) => ask(url, PAGE, { mark })));
  return pages.flatMap(({ products }) =>
    products.edges.map(({ node }: { node: { price: string } }) => node.price),
  );
}

describe('a price whose commit hangs for longer than its fence lasts', () => {
  it(`is shown ${TTL_S} s after the commit at the latest, and orders have it at once`, async () => {
    const mark = `mark${crypto.randomUUID().replaceAll('-', '')}`;
    const [kept, lost] = await Promise.all(
      [1, 2].map(() => client.product(account.token, { name: mark, price: Number(BEFORE) })),
    );
    const ids = [kept?.id ?? '', lost?.id ?? ''];
    const all = (price: string) => Array(urls.length * ids.length).fill(price);
    expect(await lookedUp(ids)).toEqual(all(BEFORE));

    await hangCommits(system.adminUrl);
    const writes = [
      ask(urls[0] ?? '', PATCH, { id: ids[0] }),
      ask(`${doomed.url}/graphql`, PATCH, { id: ids[1] }),
    ];
    const given = Promise.allSettled(writes);
    await eventually(
      () => sessions(system.adminUrl),
      ({ hanging }) => hanging === 2,
    );
    await doomed.kill();
    const until = Date.now() + FENCE_MS + 5_000;
    while (Date.now() < until) {
      expect(await lookedUp(ids)).toEqual(all(BEFORE));
      await listed(mark);
      await sleep(1_000);
    }
    await given;
    await releaseCommits(system.adminUrl);
    await eventually(
      () => prices(ids),
      (stored) => stored.every((price) => price === AFTER),
    );
    const committedBy = Date.now();
    for (const product_id of ids) {
      const order = await client.rest('POST', '/orders', {
        token: account.token,
        body: { product_id, quantity: 1 },
      });
      expect(order.body.unit_price).toBe(Number(AFTER));
    }
    await sleep(committedBy + TTL_S * 1_000 - Date.now());
    expect([...(await lookedUp(ids)), ...(await listed(mark))]).toEqual([...all(AFTER), ...all(AFTER)]);
  }, 180_000);
});
